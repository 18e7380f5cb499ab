"""Plain lines stay aligned, whatever one of the values says."""

from __future__ import annotations

from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.document import Document, Row, Rows


def test_a_value_with_a_long_reason_does_not_move_the_methods_of_the_others() -> None:
    long = Row(
        label="Idle power",
        value="1.6 W (no interval: the idle baseline is too short for one)",
        method="estimated",
    )
    rows = (Row(label="Energy", value="240 ± 120 J", method="estimated"), long)
    energy, idle, *_ = plain_text(Document(blocks=(Rows(rows=rows),))).splitlines()
    assert energy == "Energy      240 ± 120 J  estimated"
    assert idle.endswith("too short for one)  estimated")
