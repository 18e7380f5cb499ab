"""How a process answers its parent on standard output, line by line, and how it ended where it does not."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator

from llenergymeasure.core.processes.output_stream import output_stream


def take_over_stdout() -> int:
    """Send what libraries print to standard error; return standard output, which this process alone holds open.

    A log on a disk that is full fails nobody who prints.
    """
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = output_stream(1, sys.stdout)
    if sys.stderr is not None:
        sys.stderr = output_stream(2, sys.stderr)
    return own


def lines_of(pipe: int, timeout_s: float, *, first_timeout_s: float) -> Iterator[bytes]:
    """Yield the lines that another process writes, until it closes the pipe; the first one may take longer.

    Raises:
        TimeoutError: it wrote nothing for so long.
    """
    readable = select.poll()
    readable.register(pipe, select.POLLIN)
    rest, limit_s = b"", first_timeout_s
    while True:
        if not readable.poll(limit_s * 1e3):
            raise TimeoutError
        piece = os.read(pipe, 1 << 16)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        limit_s = timeout_s


def how_it_ended(returncode: int) -> str:
    """Return how a process ended: "killed by signal 9 (SIGKILL)", "ended with code 3"."""
    if returncode >= 0:
        return f"ended with code {returncode}"
    try:
        return f"killed by signal {-returncode} ({signal.Signals(-returncode).name})"
    except ValueError:  # a real-time signal, which has no name
        return f"killed by signal {-returncode}"
