"""Plugins that exist for the length of a test, without being installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llenergymeasure.plugins import BUILTIN, Kind, Plugin


@contextmanager
def installed(kind: Kind, *plugins: Plugin) -> Iterator[None]:
    """Let configurations of this process use plugins of a kind as if their packages were installed."""
    before = dict(BUILTIN[kind])
    BUILTIN[kind].update({each.name: each for each in plugins})
    try:
        yield
    finally:
        BUILTIN[kind].clear()
        BUILTIN[kind].update(before)
