"""Files that appear whole, as far as their file system lets them: network and FUSE ones refuse some steps."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_LOST = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Of a flush: a network file system has taken what it now has no room for."""


def replace_text(path: Path, text: str) -> None:
    """Write `text` as the whole content of `path`, making its folder if need be.

    In one step, so that no reader sees half of it; on a file system that refuses that, in place.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        _replace(Path(name), path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def flush(path: Path) -> None:
    """Have a file or folder written to the disk; where that is refused, the checksums still tell whether it was.

    Raises:
        OSError: there is no room for it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise
        if path.is_dir():
            logger.debug("%s cannot be flushed: %s", path, error)
        else:
            _note(path.parent, "does not confirm that files are on the disk", "fsync", error)


def move_folder(folder: Path, target: Path, *, last: str) -> None:
    """Give a folder of files another name; where that is refused, copy its files and remove it.

    The file named `last` is copied after the others, so that a copy that was cut off lacks it.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be done; nothing is left at `target`.
    """
    try:
        folder.rename(target)
        return
    except OSError as error:
        if target.exists():
            raise FileExistsError(error.errno, error.strerror, str(target)) from None
        _note(folder.parent, "cannot rename folders, so the files were copied", "rename", error)
    target.mkdir()
    try:
        for file in sorted(folder.iterdir(), key=lambda each: (each.name == last, each.name)):
            shutil.copyfile(file, target / file.name)
            flush(target / file.name)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def refusals_of(folder: Path) -> tuple[str, ...]:
    """Return what the file system of a folder refuses of that, found on a file that is removed again.

    Raises:
        OSError: nothing can be written there.
    """
    probe = Path(tempfile.mkdtemp(prefix=".probe-", dir=folder))
    renamed = probe.with_name(f"{probe.name}-renamed")
    try:
        (probe / "file").write_bytes(b"0")
        flush(probe / "file")
        move_folder(probe, renamed, last="file")
    finally:
        for each in (probe, renamed):
            shutil.rmtree(each, ignore_errors=True)
    return tuple(said for (where, _), said in _noted.items() if where == str(folder.absolute()))


_noted: dict[tuple[str, str], str] = {}
"""By folder and call: what this process has said of it."""


def _note(folder: Path, what: str, call: str, error: OSError) -> None:
    """Warn once in a process of what the file system of a folder refuses."""
    where = str((folder.parent if folder.name.startswith(".") else folder).absolute())
    if (where, call) not in _noted:
        said = f"the file system of {where} {what} ({call}: {error.strerror or error})"
        _noted[where, call] = said
        logger.warning("%s; `llem verify` shows whether the bundle is whole", said)


def _replace(temporary: Path, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except OSError as error:
        if path.is_dir():
            raise
        logger.debug("%s is written in place: %s", path, error)
        path.write_bytes(temporary.read_bytes())
        temporary.unlink()
