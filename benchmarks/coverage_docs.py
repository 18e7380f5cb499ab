"""Write the tables of docs/explanation/uncertainty.md from `out/coverage.json`, which `make bench-coverage` writes.

Each table follows a line `<!-- coverage: NAME -->` and ends with an empty line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.coverage import BY_REGULARITY, BY_REST, CHOSEN_ON, IN_STEP, INDEPENDENT
from benchmarks.report import OUT

Row: TypeAlias = "dict[str, Any]"
PAGE = Path(__file__).parents[1] / "docs/explanation/uncertainty.md"
STATED = 0.95
RESTS = ("rest 0.3 s", "rest 2.5 s", "rest none")


def main() -> None:
    """Replace the tables in the page."""
    found = json.loads((OUT / "coverage.json").read_text(encoding="utf-8"))
    tables = {
        "chosen on": windows_table(found[CHOSEN_ON]),
        "independent": windows_table(found[INDEPENDENT]),
        "totals": totals_table(found[BY_REST], found[BY_REGULARITY]),
        "in step": windows_table(found[IN_STEP]),
    }
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


def with_tables(page: str, tables: dict[str, str]) -> str:
    """Return the page with its tables replaced."""
    for name, table in tables.items():
        mark = f"<!-- coverage: {name} -->\n"
        page, count = re.subn(
            rf"({re.escape(mark)})(?:\|.*\n)*", lambda found, new=table: found[1] + new, page
        )
        assert count == 1, f"{PAGE}: no line {mark}"
    return page


def windows_table(rows: Sequence[Row]) -> str:
    """Return a table of sensors by lengths; what is not covered has an asterisk."""
    lengths = list(dict.fromkeys(_length(row) for row in rows))
    cells: dict[str, list[str]] = {}
    for row in rows:
        load = row["windows"].partition(", ")[2]
        mark = " *" if row["not_covered"] else ""
        cells.setdefault(f"{row['sensor']}, {load}" if load else row["sensor"], []).extend(
            [f"{_share(row['held'])}{mark}", _half_width(row), f"{row['mean_error']:.2%}"]
        )
    heads = [head for length in lengths for head in (f"{length}: held", "half-width", "mean error")]
    return _table(["sensor", *heads], ([sensor, *values] for sensor, values in cells.items()))


def totals_table(by_rest: Sequence[Row], by_regularity: Sequence[Row]) -> str:
    """Return a table of sensors by rests, over all peaks, and by whether sampler and board keep time.

    Shares below 95 % have an asterisk. The half-width is that of a regular sampler, by the median.
    """
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in by_rest:
        groups.setdefault(row["sensor"], {}).setdefault(row["windows"].partition(",")[0], []).append(row)
    for row in by_regularity:
        groups[row["sensor"]][row["windows"]] = [row]
    names = (*RESTS, "regular", "irregular")
    heads = ["sensor", *(head for name in names for head in (f"{name}: held", "bias")), "regular: half-width"]
    lines = (
        [sensor, *(value for name in names for value in _pooled(some[name])), _half_width(some["regular"][0])]
        for sensor, some in groups.items()
    )
    return _table(heads, lines)


def _pooled(rows: Sequence[Row]) -> tuple[str, str]:
    """Return the share that held and the bias over several rows, in words."""
    counts = [row["count"] - row["unknown"] for row in rows]
    held, bias = (
        sum(row[name] * count for row, count in zip(rows, counts, strict=True)) / sum(counts)
        for name in ("held", "bias")
    )
    mark = " *" if held < STATED else ""
    return f"{_share(held)}{mark}", f"{bias:+.2%}".replace("-", "−")


def _half_width(row: Row) -> str:
    return f"±{row['median_half_width']:.2%}"


def _length(row: Row) -> str:
    return str(row["windows"].partition(",")[0])


def _share(value: float) -> str:
    return f"{value:.1%}"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("%", " %")


if __name__ == "__main__":
    main()
