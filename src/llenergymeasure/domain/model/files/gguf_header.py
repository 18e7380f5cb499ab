"""The header of a GGUF file (github.com/ggml-org/ggml, docs/gguf.md): enough to know what is in it, in milliseconds."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from llenergymeasure.domain.model.files.content import FileProblem, require_content

MAGIC = b"GGUF"
_NUMBERS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9
_MOST_ENTRIES = 10_000_000
"""Of a list or a table; the largest vocabularies have 300,000."""
_MOST_DIMENSIONS = 8


class _NotGGUFError(Exception):
    pass


@dataclass(frozen=True, kw_only=True)
class GGUFTensor:
    """One row of the table of tensors; `offset` counts from the beginning of the data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True, kw_only=True)
class GGUFHeader:
    """Single values of the metadata (lists are left out), and the table of tensors."""

    values: dict[str, Any] = field(default_factory=dict)
    tensors: Sequence[GGUFTensor] = ()
    data_offset: int = 0
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Where each entry of the metadata begins and ends in the file, lists among them."""

    def whole(self, name: str) -> int | None:
        """Return an integer of the architecture's own keys, such as `block_count`."""
        value = self.values.get(f"{self.values.get('general.architecture')}.{name}")
        return value if isinstance(value, int) and value > 0 else None


def read_gguf_header(file: Path) -> GGUFHeader:
    """Return the header of a GGUF file.

    Raises:
        FileProblem: it is none, or ends within its header.
    """
    require_content(file)
    try:
        with file.open("rb") as stream:
            if stream.read(4) != MAGIC:
                raise FileProblem(
                    f"model {file} is not a GGUF file, whatever its name says → download it again"
                )
            return _Reader(stream, file.stat().st_size).header()
    except (struct.error, UnicodeDecodeError, OverflowError, MemoryError, RecursionError, _NotGGUFError):
        raise FileProblem(
            f"model {file} is damaged: its header is not that of a GGUF file → download it again"
        ) from None


class _Reader:
    """Reads values of the format one after another."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    def header(self) -> GGUFHeader:
        version, tensors, entries = self._number("<I"), self._number("<Q"), self._number("<Q")
        if version not in (2, 3) or max(tensors, entries) > _MOST_ENTRIES:
            raise _NotGGUFError
        values, spans = {}, {}
        for _ in range(entries):
            start = self._stream.tell()
            key = self._text()
            value = self._value(self._number("<I"))
            spans[key] = (start, self._stream.tell())
            if value is not None:
                values[key] = value
        table = [self._tensor() for _ in range(tensors)]
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _NotGGUFError
        data_offset = -(-self._stream.tell() // alignment) * alignment
        return GGUFHeader(values=values, tensors=table, data_offset=data_offset, spans=spans)

    def _tensor(self) -> GGUFTensor:
        name, dimensions = self._text(), self._number("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise _NotGGUFError
        shape = tuple(self._number("<Q") for _ in range(dimensions))
        return GGUFTensor(name=name, shape=shape, type=self._number("<I"), offset=self._number("<Q"))

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            return self._skip_list(self._number("<I"), self._number("<Q"))
        if kind not in _NUMBERS:
            raise _NotGGUFError
        return self._number(_NUMBERS[kind])

    def _skip_list(self, kind: int, count: int) -> None:
        if count > _MOST_ENTRIES:
            raise _NotGGUFError
        if kind in _NUMBERS:
            self._stream.seek(count * struct.calcsize(_NUMBERS[kind]), 1)
            return
        for _ in range(count):
            if kind == _TEXT:
                self._stream.seek(self._length(), 1)
            else:
                self._value(kind)

    def _text(self) -> str:
        return self._stream.read(self._length()).decode("utf-8")

    def _length(self) -> int:
        length = int(self._number("<Q"))
        if self._stream.tell() + length > self._size:
            raise _NotGGUFError
        return length

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._stream.read(struct.calcsize(form)))[0]
