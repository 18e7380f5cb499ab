"""The step table as Parquet, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import OPTIONAL_COLUMNS, STEP_COLUMNS, StepTable
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.file import load_table, save_table

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ROW_GROUP_ROWS = 262_144
"""The writer holds one row group in memory."""
_TIMES = ("start_unix_ns", "end_unix_ns")


def write_steps(table: StepTable, path: Path) -> None:
    """Write one row per step; where nothing was proposed, the tokens of speculation are null."""
    import pyarrow as pa

    columns = {name: _array(getattr(table, name), name) for name, _ in STEP_COLUMNS}
    save_table(
        pa.table(columns),
        path,
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=[name for name, _ in STEP_COLUMNS if name not in _TIMES],
        column_encoding=dict.fromkeys(_TIMES, "DELTA_BINARY_PACKED"),
    )


def read_steps(path: Path) -> StepTable:
    """Read what `write_steps` wrote.

    Raises:
        ValueError: a null where none may be.
    """
    stored = load_table(path, layout.STEPS)
    return StepTable(**{name: _values(stored.column(name), name, kind) for name, kind in STEP_COLUMNS})


def _array(values: NDArray[Any], name: str) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, mask=values == UNKNOWN if name in OPTIONAL_COLUMNS else None)


def _values(column: pa.ChunkedArray, name: str, kind: str) -> NDArray[Any]:
    if column.null_count and name not in OPTIONAL_COLUMNS:
        raise ValueError(f"{name}: is null in {column.null_count} rows")
    values: NDArray[Any] = column.fill_null(UNKNOWN).to_numpy().astype(kind)
    return values
