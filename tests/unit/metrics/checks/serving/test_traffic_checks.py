"""A result says where a load was too much, windows were not steady, and objectives say little."""

from __future__ import annotations

from typing import Any

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.traffic import Attainment, Rung, SteadyPart, TrafficSummary
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving import objectives, steadiness
from llenergymeasure.metrics.energy.account import EnergyAccount

CHECKS = (
    steadiness.check_load_was_served,
    steadiness.check_traffic_was_steady,
    steadiness.check_littles_law,
    objectives.check_objectives_mean_something,
)


def _estimate(value: float, half: float = 0.1) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, unit="requests/s", method="derived")


def _rung(**fields: Any) -> Rung:
    known: dict[str, Any] = {
        "repeats": (0,),
        "estimates": {"requests_per_s": _estimate(9.0)},
        "in_flight": _estimate(10.0),
        "little_residual": _estimate(0.05),
        "in_flight_growth_per_s": _estimate(1.0),
        "latency_growth": 0.5,
        "over_saturated": False,
    }
    return Rung(**{**known, **fields})


def _part(rule: str, duration_s: float = 10.0) -> SteadyPart:
    return SteadyPart.model_validate(
        {
            "repeat": 0,
            "start_unix_ns": 0,
            "end_unix_ns": 1,
            "duration_s": duration_s,
            "window_s": 10.0,
            "rule": rule,
        }
    )


def _warnings(traffic: TrafficSummary, **settings: Any) -> list[RunWarning]:
    inputs = CheckInputs(
        config=ExperimentConfig(model="any", backend="standin", **settings),
        rows=[],
        energy=EnergyBreakdown(),
        account=EnergyAccount(Unmetered().trace()),
        traffic=traffic,
    )
    return [warning for check in CHECKS for warning in check(inputs)]


def _codes(traffic: TrafficSummary, **settings: Any) -> list[str]:
    return [each.code for each in _warnings(traffic, **settings)]


def test_steady_traffic_that_is_served_gives_no_warning() -> None:
    assert _codes(TrafficSummary(rungs=(_rung(),), steady=(_part("whole"),))) == []


def test_a_load_that_is_too_much_is_one_warning_with_its_size() -> None:
    rung = _rung(over_saturated=True, little_residual=_estimate(3.0))
    (warning,) = _warnings(TrafficSummary(rungs=(rung,), steady=(_part("none"),)))
    assert (warning.code, warning.magnitude) == ("over_saturated", 0.1)


def test_of_several_loads_the_one_that_the_figures_are_of_counts() -> None:
    rungs = (_rung(rung=0), _rung(rung=1, repeats=(1,), over_saturated=True))
    assert _codes(TrafficSummary(rungs=rungs, headline_rung=0)) == []
    assert _codes(TrafficSummary(rungs=rungs, headline_rung=1)) == ["over_saturated"]


def test_windows_without_a_steady_part_are_told() -> None:
    assert _codes(TrafficSummary(rungs=(_rung(),), steady=(_part("none"),))) == ["traffic_not_steady"]


def test_what_was_cut_is_an_information() -> None:
    (warning,) = _warnings(TrafficSummary(rungs=(_rung(),), steady=(_part("no_trend", 7.5),)))
    assert (warning.code, warning.severity, warning.magnitude) == ("windows_cut_to_steady_part", "info", 0.25)


def test_littles_law_is_broken_only_beyond_chance_and_by_more_than_a_little() -> None:
    for residual, half, told in ((1.0, 0.2, True), (1.0, 2.0, False), (0.3, 0.1, False)):
        rung = _rung(little_residual=_estimate(residual, half))
        assert _codes(TrafficSummary(rungs=(rung,))) == ["littles_law_residual"] * told


def test_objectives_of_an_offline_load_have_no_queue_in_them() -> None:
    assert _codes(TrafficSummary(), slo={"ttft_s": 1.0}) == ["slo_without_queue"]


def test_answers_of_one_token_are_told_where_an_objective_is_about_the_others() -> None:
    few = Attainment(objective="tpot_s", limit_s=0.1, requests=9, not_applicable=1)
    most = few.model_copy(update={"not_applicable": 90})
    settings = {"slo": {"tpot_s": 0.1}, "load": {"kind": "closed", "concurrency": 2}}
    for each, severity in ((few, "info"), (most, "warning")):
        (warning,) = _warnings(TrafficSummary(objectives=(each,)), **settings)
        assert (warning.code, warning.severity) == ("objective_not_applicable", severity)
