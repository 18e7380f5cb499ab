"""The schedule as Parquet, and back."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.load.schedule_table import OPTIONAL_COLUMNS, SCHEDULE_COLUMNS, ScheduleTable
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.columns import from_arrow, to_arrow
from llenergymeasure.results.parquet.file import load_table, save_table


def write_schedule(table: ScheduleTable, path: Path) -> None:
    """Write one row per planned request; later turns of a session have no time."""
    import pyarrow as pa

    columns = {
        name: to_arrow(getattr(table, name), is_required=name not in OPTIONAL_COLUMNS)
        for name, _ in SCHEDULE_COLUMNS
    }
    save_table(pa.table(columns), path)


def read_schedule(path: Path) -> ScheduleTable:
    """Read what `write_schedule` wrote.

    Raises:
        ValueError: a null where none may be.
    """
    stored = load_table(path, layout.SCHEDULE)
    columns = {
        name: from_arrow(stored.column(name), name, kind, is_required=name not in OPTIONAL_COLUMNS)
        for name, kind in SCHEDULE_COLUMNS
    }
    return ScheduleTable(**columns)
