"""The request table as Parquet, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from llenergymeasure.domain.request import FinishReason, Status
from llenergymeasure.domain.request_table import COLUMNS, UNKNOWN, RequestTable
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.file import load_table, save_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROW_GROUP_ROWS = 65_536
ROW_GROUP_CHUNKS = 262_144
"""The writer holds one row group in memory."""
_CHUNKS = ("chunk_unix_ns", "chunk_tokens")
_REQUIRED = frozenset(
    {
        "request_id",
        "repeat",
        "status",
        "prompt_tokens",
        "output_tokens",
        "scheduled_unix_ns",
        "closed_unix_ns",
    }
)
"""Columns without nulls; `_CHUNKS` too."""
_WORDS: dict[str, frozenset[str | None]] = {
    "status": frozenset(get_args(Status)),
    "finish_reason": frozenset((*get_args(FinishReason), None)),
}


def write_requests(table: RequestTable, path: Path) -> None:
    """Write one row per request; unknown values are null."""
    import pyarrow as pa

    columns = {name: _array(getattr(table, name), name, kind) for name, kind in COLUMNS}
    for name in _CHUNKS:
        columns[name] = pa.ListArray.from_arrays(
            pa.array(table.chunk_offsets, pa.int32()), getattr(table, name)
        )
    texts = [name for name, kind in COLUMNS if kind == "O"]
    # Times of one answer grow by small steps, of which this encoding stores only the differences.
    steps = {"chunk_unix_ns.list.element": "DELTA_BINARY_PACKED"}
    rows = ROW_GROUP_CHUNKS * len(table) // max(len(table.chunk_unix_ns), 1)
    save_table(
        pa.table(columns),
        path,
        row_group_size=min(max(rows, 1), ROW_GROUP_ROWS),
        use_dictionary=texts,
        column_encoding=steps,
    )


def read_requests(path: Path) -> RequestTable:
    """Read what `write_requests` wrote.

    Raises:
        ValueError: a null where none may be, or a word that has no meaning.
    """
    stored = load_table(path, layout.REQUESTS)
    columns = {name: _values(stored.column(name), name, kind) for name, kind in COLUMNS}
    lists = [stored.column(name).combine_chunks() for name in _CHUNKS]
    offsets = [_offsets(name, each) for name, each in zip(_CHUNKS, lists, strict=True)]
    if not (offsets[0] == offsets[1]).all():
        raise ValueError("chunk_tokens: has not as many entries as chunk_unix_ns")
    flat = {name: _flat(name, each) for name, each in zip(_CHUNKS, lists, strict=True)}
    return RequestTable(**columns, **flat, chunk_offsets=offsets[0])


def _array(values: NDArray[Any], name: str, kind: str) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if kind == "O":
        return pa.array(values, pa.string())
    if name in _REQUIRED:
        return pa.array(values)
    return pa.array(values, mask=np.isnan(values) if kind == "f8" else values == UNKNOWN)


def _values(column: pa.ChunkedArray, name: str, kind: str) -> NDArray[Any]:
    import numpy as np

    if column.null_count and name in _REQUIRED:
        raise ValueError(f"{name}: is null in {column.null_count} rows")
    if kind == "O":
        values = np.array(column.to_pylist(), dtype=object)
        strange = set(values.tolist()) - _WORDS.get(name, set(values.tolist()))
        if strange:
            raise ValueError(f"{name}: {sorted(strange, key=str)[0]!r} has no meaning here")
        return values
    filled: NDArray[Any] = column.fill_null(np.nan if kind == "f8" else UNKNOWN).to_numpy().astype(kind)
    return filled


def _offsets(name: str, lists: pa.ListArray) -> NDArray[np.int64]:
    import numpy as np

    if lists.null_count:
        raise ValueError(f"{name}: is null in {lists.null_count} rows")
    return np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())]).astype(np.int64)


def _flat(name: str, lists: pa.ListArray) -> NDArray[Any]:
    values = lists.flatten()
    if values.null_count:
        raise ValueError(f"{name}: has nulls in it")
    flat: NDArray[Any] = values.to_numpy()
    return flat
