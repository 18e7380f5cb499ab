"""Signals that ask a process to stop in order: which they are, and how they become one KeyboardInterrupt."""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

STOP_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
"""Ctrl-C, the end of a job, a closed terminal, and the warnings that batch systems send before a job's time is up
(Slurm's `--signal`, Grid Engine's `-notify`, a soft limit on processor time)."""
AGAIN_S = 0.05
"""Until a signal that came while a module was being imported is delivered again."""
IMPORT_AT_MOST_S = 30.0
"""An import that takes longer is interrupted; what the module makes of that is its own affair."""
_IMPORT = "<frozen importlib._bootstrap>"

_Handler = Callable[[int, FrameType | None], Any]

_asked = False


def stop_is_asked() -> bool:
    """Whether one of the signals has come since `interrupt_on_stop_signals`.

    Code of others may swallow a KeyboardInterrupt, or make another error of it.
    """
    return _asked


def heeded_signals() -> list[signal.Signals]:
    """Return the signals that this process does not ignore: `nohup` ignores SIGHUP on purpose."""
    return [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


def interrupt_on_stop_signals(
    on_signal: Callable[[], None] = lambda: None,
    *,
    once: bool = False,
    always: Sequence[signal.Signals] = (),
) -> None:
    """Raise KeyboardInterrupt in the main thread on each of the signals, or with `once` on the first one only.

    Those that the process was started to ignore stay ignored, but for `always`.

    An import is not interrupted: modules turn that into errors of their own, or go on half imported. The exception is
    raised when it is done. `on_signal` is called at once.
    """
    state = _State(on_signal, once)
    for number in {*heeded_signals(), *always}:
        signal.signal(number, state.stop)


class _State:
    """What came of the signals so far."""

    def __init__(self, on_signal: Callable[[], None], once: bool) -> None:
        self._on_signal, self._once = on_signal, once
        self._first_s: float | None = None
        self._postponed = 0
        self._done = False

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal, or one that was postponed and comes again."""
        global _asked
        if self._done:
            return
        _asked = True
        now_s = time.monotonic()
        self._first_s = now_s if self._first_s is None else self._first_s
        if self._postponed:
            self._postponed -= 1
        else:
            self._on_signal()
        if _is_importing(frame) and now_s - self._first_s < IMPORT_AT_MOST_S:
            with suppress(RuntimeError):  # no further thread can be started: then at once
                _thread.start_new_thread(
                    _send_again, (number,)
                )  # `threading` has locks, and we may be within them
                self._postponed += 1
                return
        self._done = self._once
        raise KeyboardInterrupt


@contextmanager
def default_signals_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on signals that would end the process without a word.

    Handlers of the caller's own stay. Only the main thread can set handlers: in another one nothing changes.
    """
    taken: list[signal.Signals] = []
    if _thread.get_ident() == _main_thread():
        taken = [number for number in STOP_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Hold back the signals until the block ends; a process that is started in it has to unblock them itself.

    The mask is of this thread, and a signal then goes to another one, whose handler runs in the main thread all the
    same: so in the main thread the handlers are held back too.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    came: list[int] = []
    handlers = _replace_handlers(lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for again in came:
            os.kill(os.getpid(), again)


@contextmanager
def stop_signals_ignored() -> Iterator[None]:
    """Let the signals change nothing until the block ends: what is measured is being written."""
    handlers = _replace_handlers(lambda _number, _frame: None)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """Let the signals change nothing any more: all is done but the end of the process, which nothing may hold up."""
    _replace_handlers(lambda _number, _frame: None)


def end_on_stop_signals() -> None:
    """Let the signals end the process as they do by default, without a word: it has said all, and only has to end.

    An exception would be a traceback of whatever runs at the end of the interpreter.
    """
    if _thread.get_ident() == _main_thread():
        for number in STOP_SIGNALS:
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)


def _replace_handlers(by: _Handler) -> dict[signal.Signals, _Handler]:
    """Set a handler in the place of those that are functions, and return these; none in a thread that may not."""
    if _thread.get_ident() != _main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    functions = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in functions:
        signal.signal(number, by)
    return functions


def unblock_stop_signals() -> None:
    """Let the signals through that the parent process blocked until this one is ready for them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _main_thread() -> int | None:
    import threading

    return threading.main_thread().ident


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    time.sleep(AGAIN_S)
    os.kill(os.getpid(), number)
