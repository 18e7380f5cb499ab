"""Whether a safetensors file is whole, by its header (github.com/huggingface/safetensors, section "Format")."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

from llenergymeasure.domain.model.files.content import FileProblem, require_content

LARGEST_HEADER_BYTES = 100_000_000
"""The limit of the format."""
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
}
"""Of one value of each type; there are types of fewer bits, and there will be others."""


def require_whole_safetensors(file: Path) -> None:
    """Refuse a file that ends before, or goes on after, what its header says, or whose header contradicts itself.

    Raises:
        FileProblem: with the numbers.
    """
    require_content(file)
    size = file.stat().st_size
    header, begin = _header(file, size)
    try:
        places = sorted(_place(name, entry) for name, entry in header.items())
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _damaged(file, "its header does not describe tensors") from None
    if not places:
        raise FileProblem(f"{file} contains no tensors → download it again")
    end = begin + max(place.end for place in places)
    if end > size:
        raise _damaged(file, f"it ends {end - size} bytes early: {size} of {end} bytes are there")
    if end < size:
        raise _damaged(file, f"it has {size - end} bytes more than its header says")
    _require_row(file, places)


class _Place(NamedTuple):
    """Where in the data a tensor lies, and how many bytes it has by its type and shape; None for an unknown type."""

    begin: int
    end: int
    name: str
    n_bytes: int | None


def _place(name: str, entry: dict[str, Any]) -> _Place:
    begin, end = (_whole(each) for each in entry["data_offsets"])
    bits = _BITS.get(str(entry["dtype"]))
    count = math.prod(_whole(each) for each in entry["shape"])
    return _Place(begin, end, name, None if bits is None else count * bits // 8)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(value)
    return value


def _require_row(file: Path, places: list[_Place]) -> None:
    """The data is one tensor after another, without gaps and overlaps."""
    filled = 0
    for place in places:
        if place.begin != filled or place.end < place.begin:
            raise _damaged(
                file, f"tensor {place.name} overlaps another one, or bytes before it belong to none"
            )
        if place.n_bytes not in (None, place.end - place.begin):
            raise _damaged(file, f"tensor {place.name} has not the size that its type and shape say")
        filled = place.end


def _header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    """Return the entries of the tensors and where the data begins."""
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
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(each, str) for each in notes.values()):
        raise _damaged(file, "the notes in its header are not all text")
    return header, 8 + length


def _damaged(file: Path, why: str) -> FileProblem:
    return FileProblem(f"{file} is damaged: {why} → download it again")
