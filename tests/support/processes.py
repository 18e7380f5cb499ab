"""Whether processes have ended; those of a killed parent may stay as zombies where process 1 does not wait for them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil


def still_running(processes: Sequence[psutil.Process], timeout_s: float = 5.0) -> list[psutil.Process]:
    """Return those that have not ended after so long."""
    deadline = time.monotonic() + timeout_s
    while True:
        left = [each for each in processes if _runs(each)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
