"""Whether a run can work in the current folder, and write to its output folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from llenergymeasure.core.files.names import escaped, is_utf8

ELSEWHERE = "name another folder with --output"


def current_folder_problem() -> str | None:
    """Return why no run can start in the current folder, with what to do, or None."""
    try:
        here = os.getcwd()
    except OSError as error:
        return f"the current folder cannot be used: {error.strerror or error} → change to one that exists"
    if not is_utf8(here):
        return f"the name of the current folder is not UTF-8: {escaped(here)} → start llem in another folder"
    return None


def free_bytes(output_dir: str | Path) -> tuple[Path, int]:
    """Return the existing folder in or above an output folder, and the room on its disk; a file is written to try it.

    Raises:
        OSError: nothing can be written there.
    """
    folder = Path(output_dir).absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    below = (folder, *folder.parents)[: (folder, *folder.parents).index(existing)]
    link = next((path for path in below if path.is_symlink()), None)
    if link is not None:
        raise FileNotFoundError(f"{link} is a link to {os.readlink(link)}, which does not exist")
    with tempfile.TemporaryFile(dir=existing):  # permissions are not enough: quotas, read-only mounts
        return existing, shutil.disk_usage(existing).free


def output_problem(output_dir: str | Path) -> str | None:
    """Return why results cannot be written to a folder, with what to do, or None."""
    problem = current_folder_problem()
    if problem is not None:
        return problem
    try:
        free_bytes(output_dir)
    except OSError as error:
        where = Path(output_dir).absolute()
        return f"results cannot be written to {where}: {error.strerror or error} → {ELSEWHERE}"
    return None
