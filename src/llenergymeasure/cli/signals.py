"""Signals that end a command: Ctrl-C, the end of a batch job or the warning of it, a closed terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

from llenergymeasure.core.processes.output_stream import PATIENCE_S, takes_text
from llenergymeasure.core.processes.stop_signals import heeded_signals, interrupt_on_stop_signals
from llenergymeasure.exceptions import InterruptedExperimentError

STOPPING = (
    b"stopping; what was measured until now is kept (interrupt again to stop at once)\n",
    b"stopping at once\n",
)


def leave_on_signals(sentence: str = "interrupted") -> None:
    """End the process on each of the signals, with one sentence; where there is nothing to clean up.

    An exception would do as little in the middle of an import, where it becomes an error of the imported module.
    """
    message = f"{sentence}\n".encode(errors="backslashreplace")

    def leave(_number: int, _frame: object) -> None:
        _tell(message)
        os._exit(InterruptedExperimentError.exit_code)

    for number in heeded_signals():
        signal.signal(number, leave)


def interrupt_on_signals(messages: Iterable[bytes] = ()) -> None:
    """Raise KeyboardInterrupt on each of the signals, so that a command cleans up whichever ends it.

    With each signal the next of the messages goes to standard error. A signal that is ignored, as SIGHUP under
    `nohup`, stays ignored.
    """
    remaining = iter(messages)
    interrupt_on_stop_signals(lambda: _tell(next(remaining, b"")))


def stop_in_order() -> None:
    """Let the first signal stop a run in order, and the second at once; each says so."""
    interrupt_on_signals(STOPPING)


def _tell(message: bytes) -> None:
    """Write to standard error, unbuffered: this may interrupt a write to the same stream, which waits for a reader."""
    if message and takes_text(2, PATIENCE_S):
        with suppress(OSError, ValueError):  # whoever reads it may have been stopped too
            clear = b"\r\x1b[2K" if os.isatty(2) else b""
            os.write(2, clear + message)
