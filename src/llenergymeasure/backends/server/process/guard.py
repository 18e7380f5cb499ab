"""The process between the worker and a server: whatever ends the worker, the server and all it started end too."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.core.processes.process_group import end_processes

IN_ORDER = ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""What ends a server, and how long it is waited for: vLLM frees its GPU within two seconds of SIGINT."""
AT_ONCE = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))
"""The same where the worker is gone, or its group is being ended: that waits for two seconds (`process_group`)."""
LOOK_S = 1.0
"""Between two looks at whether the worker is still our parent process."""
_stop: list[int] = []
"""Signals that asked for the end."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(command: Sequence[str]) -> int:
    """Run a server until it ends, or until standard input does; tell on standard output what becomes of it.

    A server may start processes that leave its process group. Every orphan among them becomes a child of this process
    (prctl(2), PR_SET_CHILD_SUBREAPER), so that all of them are known until the last one is gone.
    """
    parent, guard = os.getppid(), os.getpid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    waker = _waker()
    try:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=lambda: _die_with(guard)
        )
    except (OSError, ValueError) as error:
        _tell(f"failed {getattr(error, 'strerror', None) or error}")
        return 1
    _tell(f"started {server.pid}")
    status = _watch(server.pid, parent, waker)
    if status is not None:
        _tell(f"ended {os.waitstatus_to_exitcode(status)}")
    end_processes(lambda: [] if _stop or os.getppid() != parent else _alive(), IN_ORDER)
    end_processes(_alive, AT_ONCE)
    return 0


def _watch(server: int, parent: int, waker: int) -> int | None:
    """Wait until the server ends, and return how; None where it is to be ended."""
    waiting = select.poll()
    for file in (0, waker):
        waiting.register(file, select.POLLIN)
    while os.getppid() == parent and not _stop:
        ready = {file for file, _ in waiting.poll(LOOK_S * 1e3)}
        if waker in ready:
            os.read(waker, 1 << 10)
        status = _reap(server)
        if status is not None or (0 in ready and not os.read(0, 1 << 10)):
            return status
    return None


def _reap(server: int = 0) -> int | None:
    """Take the ends of all children that have ended; return that of the server, if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            found = status if pid == server else found
    return found


def _alive() -> list[int]:
    _reap()
    return descendants(os.getpid())


def _waker() -> int:
    """Return a file that becomes readable when a child ends, and on each signal that asks for the end."""
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: _stop.append(number))
    return readable


def _die_with(parent: int) -> None:
    """In the server, before its program begins: be killed when the guard is, which nothing but SIGKILL ends early."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):  # not Linux: nothing of this is done
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _tell(line: str) -> None:
    with suppress(OSError):  # the worker is gone
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
