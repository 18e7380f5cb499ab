"""The tables of docs/explanation/uncertainty.md come from what `make bench-coverage` wrote."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.coverage_docs import PAGE, totals_table, windows_table, with_tables

NAMES = ("chosen on", "independent", "totals", "in step")


def row(windows: str, held: float, bias: float = 0.0, **more: Any) -> dict[str, Any]:
    given = {
        "sensor": "a counter",
        "windows": windows,
        "held": held,
        "bias": bias,
        "median_half_width": 0.0123,
    }
    return {**given, "mean_error": 0.004, "count": 100, "unknown": 0, "not_covered": None, **more}


def test_lengths_stand_beside_one_another_and_an_asterisk_marks_what_is_not_covered() -> None:
    table = windows_table([row("1 s", 0.96), row("3 s", 0.5, not_covered="seen in part")])
    assert table.splitlines()[0].startswith("| sensor | 1 s: held | half-width | mean error | 3 s: held |")
    assert table.splitlines()[2] == (
        "| a counter | 96.0 % | ±1.23 % | 0.40 % | 50.0 % * | ±1.23 % | 0.40 % |"
    )


def test_totals_are_pooled_over_peaks_without_unknown_energies() -> None:
    by_rest = [row(f"rest {rest}, {peak}", 1.0) for rest in ("0.3 s", "2.5 s", "none") for peak in "ab"]
    by_rest[0] |= {"held": 0.8, "bias": -0.02, "count": 100, "unknown": 50}
    table = totals_table(by_rest, [row("regular", 0.97), row("irregular", 0.9)])
    first = table.splitlines()[2].split(" | ")
    assert float(first[1].rstrip(" %*")) == pytest.approx(100 * (0.8 * 50 + 100) / 150, abs=0.05)
    assert first[2] == "−0.67 %"
    assert first[-5:] == ["97.0 %", "+0.00 %", "90.0 % *", "+0.00 %", "±1.23 % |"]


def test_the_page_has_a_place_for_each_table_and_its_tables_are_replaced() -> None:
    page = with_tables(PAGE.read_text(encoding="utf-8"), dict.fromkeys(NAMES, "| old |\n"))
    again = with_tables(page, {name: f"| {name} |\n" for name in NAMES})
    assert "| old |" not in again
    assert all(f"<!-- coverage: {name} -->\n| {name} |\n" in again for name in NAMES)
    with pytest.raises(AssertionError, match="no line"):
        with_tables("nothing", {"totals": ""})
