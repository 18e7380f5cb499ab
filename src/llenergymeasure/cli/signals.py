"""Signals that end a command: Ctrl-C, the end of a job (SIGTERM), a closed terminal (SIGHUP)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress

STOPPING = (
    b"stopping; what was measured until now is kept (interrupt again to stop at once)\n",
    b"stopping at once\n",
)


def interrupt_on_signals(messages: Iterable[bytes] = ()) -> None:
    """Raise KeyboardInterrupt on each of the signals, so that a command cleans up whichever ends it.

    With each signal the next of the messages goes to standard error. A signal that is ignored, as SIGHUP under
    `nohup`, stays ignored.
    """
    remaining = iter(messages)

    def stop(_number: int, _frame: object) -> None:
        clear = b"\r\x1b[2K" if sys.stderr.isatty() else b""
        message = next(remaining, b"")
        if message:
            with suppress(OSError):  # whoever reads standard error may have been stopped too
                os.write(2, clear + message)  # unbuffered: this may interrupt a write to the same stream
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def stop_in_order() -> None:
    """Let the first signal stop a run in order, and the second at once; each says so."""
    interrupt_on_signals(STOPPING)
