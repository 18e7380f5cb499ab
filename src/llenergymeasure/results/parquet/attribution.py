"""The table of energies by request as Parquet, and back."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS, AttributionTable, RowKind
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.columns import from_arrow, to_arrow
from llenergymeasure.results.parquet.file import load_table, save_table

_REQUIRED = frozenset({"repeat", "kind", "energy_j"})
"""Columns without nulls."""
_WORDS = {"kind": get_args(RowKind)}


def write_attribution(table: AttributionTable, path: Path) -> None:
    """Write one row per window and request, and those of idle time and overhead; unknown values are null."""
    import pyarrow as pa

    columns = {
        name: to_arrow(getattr(table, name), is_required=name in _REQUIRED) for name, _ in ATTRIBUTION_COLUMNS
    }
    save_table(pa.table(columns), path, use_dictionary=["kind", "status"])


def read_attribution(path: Path) -> AttributionTable:
    """Read what `write_attribution` wrote.

    Raises:
        ValueError: a null where none may be, or a kind of row that does not exist.
    """
    stored = load_table(path, layout.ATTRIBUTION)
    columns = {
        name: from_arrow(
            stored.column(name), name, kind, is_required=name in _REQUIRED, words=_WORDS.get(name, ())
        )
        for name, kind in ATTRIBUTION_COLUMNS
    }
    return AttributionTable(**columns)
