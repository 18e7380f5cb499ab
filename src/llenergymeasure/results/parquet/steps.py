"""The step table as Parquet, and back."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.step_table import OPTIONAL_COLUMNS, STEP_COLUMNS, StepTable
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.columns import from_arrow, to_arrow
from llenergymeasure.results.parquet.file import load_table, save_table

ROW_GROUP_ROWS = 262_144
"""The writer holds one row group in memory."""
_TIMES = ("start_unix_ns", "end_unix_ns")


def write_steps(table: StepTable, path: Path) -> None:
    """Write one row per step; where nothing was proposed, the tokens of speculation are null."""
    import pyarrow as pa

    columns = {
        name: to_arrow(getattr(table, name), is_required=name not in OPTIONAL_COLUMNS)
        for name, _ in STEP_COLUMNS
    }
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
    columns = {
        name: from_arrow(stored.column(name), name, kind, is_required=name not in OPTIONAL_COLUMNS)
        for name, kind in STEP_COLUMNS
    }
    return StepTable(**columns)
