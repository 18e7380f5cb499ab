"""Reading the small text files in which the kernel tells about itself."""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


def read_text(path: Path) -> str | None:
    """Return the stripped content of a file, or None where it is missing, unreadable or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t") or None
    except OSError as error:
        logger.debug("%s: %s", path, error)
        return None


def read_number(path: Path) -> float | None:
    """Return the number a file holds, or None where it holds none."""
    text = read_text(path)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None  # "max", "<unknown>"
