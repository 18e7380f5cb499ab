"""The small text files in which the kernel describes the machine."""

from __future__ import annotations

import logging
import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

logger = logging.getLogger(__name__)


def read_text(path: Path) -> str | None:
    """Return the stripped content of a file, or None where it is missing, unreadable or empty."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_open_at_once) as file:
            return file.read().strip("\0 \n\t") or None
    except OSError as error:
        logger.debug("%s: %s", path, error)
        return None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe in its place is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def read_number(path: Path) -> float | None:
    """Return the number a file holds, or None where it holds none."""
    text = read_text(path)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None  # "max", "<unknown>"


def is_on_sysfs(path: Path, mounts: Path = MOUNTS) -> bool | None:
    """Return whether a file is the kernel's own, in whatever place sysfs is mounted; None where that is unknown.

    Source: proc(5), `/proc/pid/mountinfo`: the third field is the device, the first after the hyphen the file system.
    """
    try:
        device = path.stat().st_dev
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        logger.debug("the file system of %s is unknown: %s", path, error)
        return None
    sysfs = {line.split()[2] for line in lines if line.partition(" - ")[2].startswith("sysfs ")}
    return f"{os.major(device)}:{os.minor(device)}" in sysfs
