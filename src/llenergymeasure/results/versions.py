"""Which bundles this release reads, by their schema version."""

from __future__ import annotations

import re
from typing import Any

from llenergymeasure.constants import SCHEMA_VERSION

DRAFT = "2.0.0-draft"
"""Version of files that state none: they were written before 2.0.0 was complete."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-draft)?")


def version_problem(version: Any) -> str | None:
    """Return why files of a schema version cannot be read here and what to do; None where they can.

    All versions with the same major number can: older ones are migrated, fields that a newer one added are ignored.
    """
    stated, ours = _parsed(version), _parsed(SCHEMA_VERSION)
    if stated is None or ours is None:
        return f"has schema version {version!r}, which is not a version such as {SCHEMA_VERSION}"
    if stated[0] == ours[0]:
        return None
    release = f"a release {stated[0]}.x of llenergymeasure"
    return f"has schema {version}, this version reads {ours[0]}.x → read it with {release}"


def is_newer(version: str) -> bool:
    """Whether files of a version may have fields that this release does not know."""
    return (_parsed(version) or ()) > (_parsed(SCHEMA_VERSION) or ())


def is_older(version: str) -> bool:
    """Whether files of a version may lack fields that this release states."""
    return (_parsed(version) or ()) < (_parsed(SCHEMA_VERSION) or ())


def _parsed(version: Any) -> tuple[int, int, int, bool] | None:
    """Return major, minor and patch number, and whether it is no draft: so versions are in order."""
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return (int(match[1]), int(match[2]), int(match[3]), match[4] is None) if match else None
