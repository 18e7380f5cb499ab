"""Where a bundle is kept whose own folder cannot be written: folders that belong to this user alone."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from llenergymeasure.core.files.user_dirs import data_dir, state_dir

logger = logging.getLogger(__name__)

RESCUED = "rescued"
TEMPORARY = (Path("/var/tmp"), Path("/tmp"), Path("/dev/shm"))
"""Of all users; what is in the first outlives a restart of the machine."""


def private_folders() -> Iterator[Path]:
    """Yield folders that only this user can enter, made when they are asked for; the most lasting first.

    What is kept there shows prompts, paths and packages. Each is named after the user: the folder above may be shared.
    """
    name = f"{RESCUED}-{os.geteuid()}"
    places: list[Callable[[], Path]] = [
        lambda: _private(data_dir() / name),
        lambda: _private(state_dir() / name),
        *(partial(_private_in, shared, name) for shared in TEMPORARY),
        lambda: _private(Path.cwd() / name),
    ]
    for make in places:
        try:
            yield make()
        except (OSError, RuntimeError) as error:  # noqa: PERF203 - refused, or no home
            logger.debug("a folder is not used: %s", error)


def _private_in(shared: Path, name: str) -> Path:
    """Return the user's folder among those of others; another name where someone else has taken its name."""
    prefix = f"llenergymeasure-{name}"
    try:
        return _private(shared / prefix)
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=shared))


def _private(folder: Path) -> Path:
    """Make a folder, or take an own one; a link is none: it may lead into a folder of others.

    Raises:
        OSError: it cannot be made or written, or belongs to someone else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to someone else, or is no folder") from None
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    with tempfile.TemporaryFile(dir=folder):
        return folder
