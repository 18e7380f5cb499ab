"""The request table as Parquet, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from llenergymeasure.domain.request import FinishReason, Status, TokensEstimated
from llenergymeasure.domain.request_table import COLUMNS, RequestTable
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.columns import from_arrow, to_arrow
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
    "tokens_estimated": frozenset((*get_args(TokensEstimated), None)),
    "finish_reason": frozenset((*get_args(FinishReason), None)),
}


def write_requests(table: RequestTable, path: Path) -> None:
    """Write one row per request; unknown values are null."""
    import pyarrow as pa

    columns = {name: to_arrow(getattr(table, name), is_required=name in _REQUIRED) for name, _ in COLUMNS}
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
    columns = {
        name: from_arrow(
            stored.column(name), name, kind, is_required=name in _REQUIRED, words=_WORDS.get(name, ())
        )
        for name, kind in COLUMNS
    }
    lists = [stored.column(name).combine_chunks() for name in _CHUNKS]
    offsets = [_offsets(name, each) for name, each in zip(_CHUNKS, lists, strict=True)]
    if not (offsets[0] == offsets[1]).all():
        raise ValueError("chunk_tokens: has not as many entries as chunk_unix_ns")
    flat = {name: _flat(name, each) for name, each in zip(_CHUNKS, lists, strict=True)}
    return RequestTable(**columns, **flat, chunk_offsets=offsets[0])


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
