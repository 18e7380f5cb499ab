"""Where what outlives a run is kept for the next one."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "llenergymeasure"


def cache_dir() -> Path:
    """Return the user's folder for it, which may not exist: LLEM_CACHE_DIR, or that of the XDG base directories.

    Raises:
        RuntimeError: the user has no home.
    """
    own = os.environ.get("LLEM_CACHE_DIR")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / NAME


def data_dir() -> Path:
    """Return the user's folder for it, which may not exist: LLEM_DATA_DIR, or that of the XDG base directories.

    Raises:
        RuntimeError: the user has no home.
    """
    own = os.environ.get("LLEM_DATA_DIR")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_DATA_HOME", "")
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".local" / "share") / NAME


def state_dir() -> Path:
    """Return the user's folder for it, which may not exist: that of the XDG base directories.

    Raises:
        RuntimeError: the user has no home.
    """
    shared = os.environ.get("XDG_STATE_HOME", "")
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".local" / "state") / NAME
