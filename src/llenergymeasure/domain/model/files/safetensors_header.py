"""Whether a safetensors file is whole, by its header (github.com/huggingface/safetensors, section "Format")."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from llenergymeasure.domain.model.files.content import FileProblem, require_content

LARGEST_HEADER_BYTES = 100_000_000
"""The limit of the format."""


def require_whole_safetensors(file: Path) -> None:
    """Refuse a file that ends before, or goes on after, what its header says.

    Raises:
        FileProblem: with the numbers.
    """
    require_content(file)
    size = file.stat().st_size
    header, begin = _header(file, size)
    try:
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        end = begin + max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _damaged(file, "its header does not describe tensors") from None
    if not tensors:
        raise FileProblem(f"{file} contains no tensors → download it again")
    if end > size:
        raise _damaged(file, f"it ends {end - size} bytes early: {size} of {end} bytes are there")
    if end < size:
        raise _damaged(file, f"it has {size - end} bytes more than its header says")


def _header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    """Return the header and where the data begins."""
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= LARGEST_HEADER_BYTES or 8 + length > size:
            raise _damaged(file, "it does not begin with the header of a safetensors file")
        text = stream.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(file, "its header is not valid JSON") from None
    if not isinstance(header, dict):
        raise _damaged(file, "its header does not describe tensors")
    return header, 8 + length


def _damaged(file: Path, why: str) -> FileProblem:
    return FileProblem(f"{file} is damaged: {why} → download it again")
