"""Ending processes as a whole, such as a group: SIGTERM first, SIGKILL for what does not end by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TERM_GRACE_S = 2.0
"""For a process that ends in order: an engine that frees GPU and shared memory takes below a second."""
KILL_GRACE_S = 5.0
"""For the kernel to take down a killed process, which may hold tens of GiB of GPU memory."""
GROUP_STEPS = ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, KILL_GRACE_S))
_POLL_S = 0.02


def group_members(group: int) -> list[int]:
    """Return the processes of a group; those that have ended and wait for their parent (zombies) are left out."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and _is_member(entry, group)]


def end_process_group(group: int, spare: Collection[int] = ()) -> None:
    """End all processes of a group except those of `spare`, and return when they are gone."""
    end_processes(lambda: set(group_members(group)) - set(spare), GROUP_STEPS)


def end_processes(
    alive: Callable[[], Collection[int]], steps: Sequence[tuple[signal.Signals, float]]
) -> None:
    """End all processes that `alive` returns, with one signal after the other, and return when they are gone.

    Each signal is sent once to each process, and its seconds are waited for at most.
    """
    for number, grace_s in steps:
        deadline = time.monotonic() + grace_s
        signalled: set[int] = set()
        while time.monotonic() < deadline:
            members = set(alive())
            if not members:
                return
            for pid in members - signalled:  # a process may have started another one meanwhile
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            signalled |= members
            time.sleep(_POLL_S)


def _is_member(entry: Path, group: int) -> bool:
    try:
        fields = (
            (entry / "stat").read_bytes().rpartition(b")")[2].split()
        )  # proc_pid_stat(5): state, ppid, pgrp
    except OSError:
        return False  # it has ended meanwhile
    return int(fields[2]) == group and fields[0] not in (b"Z", b"X")
