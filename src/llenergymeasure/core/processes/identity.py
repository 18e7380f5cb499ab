"""Which process something belongs to, so that a later one can tell that it is gone."""

from __future__ import annotations

import os
from pathlib import Path

from llenergymeasure.core.sysfs import read_text

PROC = Path("/proc")


def this_process() -> str | None:
    """Return a key of this process that no other one gets, on this machine or another; None where it is unknown."""
    machine, started = _machine(), _start(os.getpid())
    return None if machine is None or started is None else f"{machine} {os.getpid()} {started}"


def is_gone(key: str) -> bool:
    """Whether it is certain that a process has ended: it was of this machine and container, since the same start."""
    machine, _, process = key.partition(" ")
    pid, _, started = process.partition(" ")
    return machine == _machine() and pid.isdigit() and _start(int(pid)) != started


def _machine() -> str | None:
    """Return a key of this start of the machine and of its process numbers, of which a container has its own."""
    boot = read_text(PROC / "sys/kernel/random/boot_id")
    try:
        numbers = os.readlink(PROC / "self/ns/pid")
    except OSError:
        return None
    return None if boot is None else f"{boot}/{numbers}"


def _start(pid: int) -> str | None:
    """Return when a process started, in ticks since the start of the machine (proc_pid_stat(5), field 22)."""
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
