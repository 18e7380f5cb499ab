"""RAPL counters as files that stay open: the kernel reads the register again on every read from offset 0."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack

from llenergymeasure.domain.sample import Sample
from llenergymeasure.meters.rapl.zones import Zone

_LONGEST_NUMBER = 32


def open_counter(zone: Zone, stack: ExitStack) -> int:
    """Return a file descriptor, which `stack` closes; raises OSError."""
    counter = os.open(zone.counter, os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place is not waited for
    stack.callback(os.close, counter)
    return counter


def read_counter(index: int, counter: int, offset_ns: int) -> Sample:
    """Return the sample of channel `index`; its `error` is the operating system's number."""
    before_ns = time.monotonic_ns()
    try:
        energy_j = int(os.pread(counter, _LONGEST_NUMBER, 0)) / 1e6
    except OSError as error:
        return Sample(index, time.monotonic_ns() + offset_ns, error=error.errno or 1)
    except ValueError:
        return Sample(index, time.monotonic_ns() + offset_ns, error=errno.EIO)
    return Sample(index, (before_ns + time.monotonic_ns()) // 2 + offset_ns, energy_j=energy_j)
