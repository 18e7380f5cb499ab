"""How benchmarks end: which bars they call missed, and what they keep after Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import report
from benchmarks.prices import Row, Unseen, missed_bars


def _row(covered: float, bar: float) -> Row:
    return Row(case="card", price="step", stated=200, covered=covered, bias=0.0, half_width=0.01, bar=bar)


def _unseen(worst: float, bar: float) -> Unseen:
    return Unseen(case="card", worst=worst, root_mean_square=0.01, out_of_sample=0.01, bar=bar)


def test_a_missed_bar_is_named_with_its_number() -> None:
    missed = missed_bars([_row(0.95, 0.95), _row(0.915, 0.95)], [_unseen(0.05, 0.05), _unseen(0.08, 0.05)])
    assert missed == ["card, step: 91.5% covered", "card, unseen mixes: worst 8.00%"]


def test_an_interrupted_benchmark_keeps_what_it_counted_beside_the_last_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "OUT", tmp_path)
    report.write("prices", {"rows": ["whole"]})
    with pytest.raises(SystemExit) as ended:
        report.end_interrupted("prices", 7, {"rows": ["first"]})
    assert ended.value.code == 130
    assert "interrupted after 7 runs" in capsys.readouterr().err
    kept = json.loads((tmp_path / "prices-interrupted.json").read_text(encoding="utf-8"))
    assert (kept["runs"], kept["rows"]) == (7, ["first"])
    assert json.loads((tmp_path / "prices.json").read_text(encoding="utf-8"))["rows"] == ["whole"]
