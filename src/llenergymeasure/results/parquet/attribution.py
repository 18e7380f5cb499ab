"""The table of energies by request as Parquet, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS, AttributionTable, RowKind
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.file import load_table, save_table

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_REQUIRED = frozenset({"repeat", "kind", "energy_j"})
"""Columns without nulls."""


def write_attribution(table: AttributionTable, path: Path) -> None:
    """Write one row per window and request, and those of idle time and overhead; unknown values are null."""
    import pyarrow as pa

    columns = {name: _array(getattr(table, name), name, kind) for name, kind in ATTRIBUTION_COLUMNS}
    save_table(pa.table(columns), path, use_dictionary=["kind", "status"])


def read_attribution(path: Path) -> AttributionTable:
    """Read what `write_attribution` wrote.

    Raises:
        ValueError: a null where none may be, or a kind of row that does not exist.
    """
    stored = load_table(path, layout.ATTRIBUTION)
    columns = {name: _values(stored.column(name), name, kind) for name, kind in ATTRIBUTION_COLUMNS}
    strange = set(columns["kind"].tolist()) - set(get_args(RowKind))
    if strange:
        raise ValueError(f"kind: {sorted(strange)[0]!r} has no meaning here")
    return AttributionTable(**columns)


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
        return np.array(column.to_pylist(), dtype=object)
    filled: NDArray[Any] = column.fill_null(np.nan if kind == "f8" else UNKNOWN).to_numpy().astype(kind)
    return filled
