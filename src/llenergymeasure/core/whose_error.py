"""Whether an exception is of code that we called, or of the program that calls us."""

from __future__ import annotations

import functools
import signal
import sys
import types
from collections.abc import Iterator
from typing import Any

RUST_PANICS = "pyo3_runtime"
"""Module of the exception that libraries in Rust (tokenizers, safetensors) raise for their defects: a bare
`BaseException` (PyO3's guide, on panics)."""

_alone = False


def no_program_calls_us() -> None:
    """From here on no exception is the calling program's: for `llem` and the processes that it starts."""
    global _alone
    _alone = True


def is_the_programs(error: BaseException) -> bool:
    """Return whether an exception came from the program that uses this package as a library, and has to reach it.

    So is what a signal handler raises (an alarm), and what is no `Exception`: interrupts, cancellations, and the time
    limits of test runners and event loops. `SystemExit` and panics of Rust are those of the code that was called.
    """
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)) or _is_cancelled(error):
        return True
    if _alone:
        return False
    is_bare = not isinstance(error, (Exception, SystemExit)) and type(error).__module__ != RUST_PANICS
    return is_bare or _was_raised_by_a_handler(error)


def _is_cancelled(error: BaseException) -> bool:
    """Whether a task was cancelled; `asyncio` takes long to import, and without it there are no tasks."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _was_raised_by_a_handler(error: BaseException) -> bool:
    handlers = [_code_of(signal.getsignal(number)) for number in signal.valid_signals()]
    codes = {code for code in handlers if code is not None}
    return any(frame.f_code in codes for frame in _frames(error.__traceback__))


def _frames(trace: types.TracebackType | None) -> Iterator[types.FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _code_of(handler: Any) -> types.CodeType | None:
    """Return the code of a function, a method, a partial, or an object that is called; None of anything else."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    function = getattr(handler, "__func__", handler)
    if not hasattr(function, "__code__"):
        function = vars(type(handler)).get("__call__")
    code = getattr(function, "__code__", None)
    return code if isinstance(code, types.CodeType) else None
