"""Folders in which bundles are written before they get their name; a file system may be shared by many machines."""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

logger = logging.getLogger(__name__)

PARTIAL = ".partial"


def new_staging_folder(parent: Path, name: str) -> Path:
    """Make `parent/.NAME.HOST.PID.RANDOM.partial`; the name says whose it is."""
    return Path(tempfile.mkdtemp(prefix=f".{name}.{_host()}.{os.getpid()}.", suffix=PARTIAL, dir=parent))


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder, which ends with its process; `True` where the file system has locks.

    Raises:
        BlockingIOError: another process of this machine holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def discard_partial(parent: Path) -> None:
    """Remove the staging folders that processes of this machine have left in `parent` when they were killed.

    Another machine's process may be alive, and its lock is not always seen through a network file system: its folders
    stay. A container has the host's name but process numbers of its own, so the lock counts as well.
    """
    for folder in parent.glob(f".*{PARTIAL}"):
        pid = _own_pid(folder.name)
        if pid is not None and not _is_alive(pid):
            with suppress(OSError), locked(folder) as certain:
                if not certain:
                    continue
                shutil.rmtree(folder, ignore_errors=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        logger.debug("the file system has no locks: %s", error)
        return False
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "unknown"


def _own_pid(name: str) -> int | None:
    """Return the process of a staging folder of this machine; None for one of another machine."""
    match = re.fullmatch(rf"\..*\.{re.escape(_host())}\.(\d+)\.[^.]+{re.escape(PARTIAL)}", name)
    return None if match is None else int(match[1])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
