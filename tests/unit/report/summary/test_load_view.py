"""The view of served traffic: objectives, the curve, the knee, and what of the windows counts."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import cast

from llenergymeasure.domain.breakdowns.traffic import Attainment, Knee, Rung, SteadyPart, TrafficSummary
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.render import render
from llenergymeasure.report.summary.document import Document
from llenergymeasure.report.summary.result import row_blocks
from llenergymeasure.report.summary.views.load import load_blocks
from llenergymeasure.results.opening import Bundle
from tests.support.sample_results import interval, measured_result

UNIT = "requests/s"


@dataclass(frozen=True)
class _Opened:
    """The part of a bundle that the view reads."""

    result: ExperimentResult


def _rung(number: int, load: float, rate: float, over: bool = False) -> Rung:
    return Rung(
        rung=number,
        load=load,
        repeats=(number,),
        estimates={"requests_per_s": interval(rate, 0.1, UNIT, "derived")},
        in_flight=interval(3.0, 0.2, "requests", "derived"),
        little_residual=interval(0.01, 0.02, "requests", "derived"),
        over_saturated=over,
    )


LADDER = TrafficSummary(
    steady=(
        SteadyPart(repeat=0, start_unix_ns=0, end_unix_ns=9, duration_s=9.0, window_s=10.0, rule="no_trend"),
    ),
    objectives=(
        Attainment(
            objective="ttft_s",
            limit_s=0.5,
            requests=200,
            kept=190,
            fraction=Estimate(value=0.95, low=0.91, high=0.97, unit="of the requests", method="derived"),
            is_met=False,
            is_certain=True,
        ),
        Attainment(objective="tpot_s", limit_s=0.05, reason="1 of 2 answers have no time"),
    ),
    rungs=(_rung(0, 2.0, 2.0), _rung(1, 8.0, 5.9, over=True)),
    headline_rung=0,
    knee=Knee(load=interval(6.0, 0.3, UNIT, "derived"), capacity=interval(6.0, 0.3, UNIT, "derived")),
)


def _text(traffic: TrafficSummary) -> str:
    config = {"load": {"kind": "open"}, "slo": {"percentile": 99.0}}
    opened = _Opened(measured_result(traffic=traffic, config=config))
    out = io.StringIO()
    render(Document(blocks=tuple(load_blocks(cast(Bundle, opened)))), out, "plain")
    return out.getvalue()


def test_each_objective_says_how_many_kept_it_and_whether_that_is_enough() -> None:
    text = _text(LADDER)
    assert "TTFT at most 500.0 ms" in text
    assert "95.0 % (91.0 to 97.0) of 200 requests (99 % asked: not met)" in text
    assert "unknown: 1 of 2 answers have no time" in text


def test_the_curve_names_each_load_and_which_one_the_figures_are_of() -> None:
    lines = _text(LADDER).splitlines()
    assert any("2 requests/s" in line and "the figures of the result" in line for line in lines)
    assert any("8 requests/s" in line and "over-saturated" in line for line in lines)
    assert any("Knee of the curve" in line and "6.00 ± 0.30 requests/s" in line for line in lines)


def test_what_was_cut_from_windows_is_said() -> None:
    assert "90% of the time of 1 window counts: the longest stretch without a trend" in _text(LADDER)


def test_a_knee_that_is_unknown_says_why() -> None:
    unknown = LADDER.model_copy(update={"knee": Knee(reason="add higher loads")})
    assert "unknown: add higher loads" in _text(unknown)


def test_an_offline_load_has_no_curve() -> None:
    assert "no curve" in _text(TrafficSummary())


def test_the_summary_names_the_load_that_its_figures_are_of() -> None:
    result = measured_result(
        traffic=LADDER, config={"load": {"kind": "open", "rate_per_s": [2.0, 8.0], "arrivals": "poisson"}}
    )
    out = io.StringIO()
    render(Document(blocks=tuple(row_blocks(result))), out, "plain")
    assert "2 requests/s, one of 2 loads" in out.getvalue()
