"""The processes that a process started, and those that they started."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.core.sysfs import read_text


def descendants(pid: int) -> list[int]:
    """Return the children of a process, theirs too; it is asked around each window, so it has to be quick.

    Those that have ended and wait for their parent (zombies) are among them. Source: proc(5),
    `/proc/PID/task/TID/children`. Without it every process of the machine is looked at.
    """
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        return _by_looking_at_all(pid)
    found = [pid]
    for parent in found:
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in (read_text(file) or "").split()]
    return found[1:]


def _by_looking_at_all(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []  # it has ended
