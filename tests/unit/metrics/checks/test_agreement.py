"""An interval that says nothing, windows of different speed, and compilation in a window are doubted by their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks import agreement
from llenergymeasure.metrics.checks.inputs import Check, CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.speed import OUTPUT_THROUGHPUT, ratio
from llenergymeasure.report.summary.format import estimate_text


def _rows(durations_s: Sequence[float], tokens: int = 100) -> list[WindowTotals]:
    return [
        WindowTotals(
            window=Phase(name="window", repeat=number, start_unix_ns=0, end_unix_ns=round(duration_s * 1e9)),
            energy=TotalEnergy(energy_j=10 * duration_s),
            output_tokens=tokens,
        )
        for number, duration_s in enumerate(durations_s)
    ]


def _warnings(check: Check, **inputs: Any) -> list[RunWarning]:
    nothing: dict[str, Any] = {
        "config": ExperimentConfig(model="any", device="cpu"),
        "rows": (),
        "energy": EnergyBreakdown(),
        "account": EnergyAccount(Unmetered().trace()),
    }
    return list(check(CheckInputs(**{**nothing, **inputs})))


def _estimate(relative: float, method: Method = "counter") -> Estimate:
    return Estimate(value=6.0, low=6 - 6 * relative, high=6 + 6 * relative, unit="J/token", method=method)


@pytest.mark.parametrize("name", agreement.JUDGED)
@pytest.mark.parametrize(
    ("relative", "severity"),
    [(0.02, None), (0.5, None), (0.6, "warning"), (1.1, "invalid"), (28 / 6, "invalid")],
)
def test_an_interval_is_doubted_by_its_width(name: str, relative: float, severity: str | None) -> None:
    warnings = _warnings(agreement.check_intervals_say_something, estimates={name: _estimate(relative)})
    assert [each.severity for each in warnings] == ([severity] if severity else [])
    assert all(name in each.message for each in warnings)


@pytest.mark.parametrize(
    ("value", "half_width"), [(69.2, 412.0), (6.04, 27.6), (0.0123, 0.0456), (-3.3, 99.6), (81.9, 612.0)]
)
def test_an_interval_is_told_as_the_result_shows_it(value: float, half_width: float) -> None:
    estimate = Estimate(
        value=value, low=value - half_width, high=value + half_width, unit="J", method="counter"
    )
    (warning,) = _warnings(agreement.check_intervals_say_something, estimates={agreement.JUDGED[0]: estimate})
    assert estimate_text(estimate) in warning.message


def test_the_width_that_an_estimate_always_has_is_not_told_twice() -> None:
    for relative, count in ((0.7, 0), (1.2, 1)):
        estimates = {"total_energy_j": _estimate(relative, "estimated")}
        assert len(_warnings(agreement.check_intervals_say_something, estimates=estimates)) == count


def test_a_difference_may_be_small_against_its_interval() -> None:
    assert _warnings(agreement.check_intervals_say_something, estimates={"net_energy_j": _estimate(5)}) == []


@pytest.mark.parametrize("durations_s", [(1.0, 8.0), (19.6, 0.05, 0.03)])
def test_a_throughput_of_zero_or_less_within_its_interval_is_invalid(durations_s: Sequence[float]) -> None:
    estimate = ratio(OUTPUT_THROUGHPUT, FigureInputs(rows=_rows(durations_s)))
    assert isinstance(estimate, Estimate)
    estimates = {"output_tokens_per_s": estimate}
    (warning,) = _warnings(agreement.check_intervals_say_something, estimates=estimates)
    assert warning.severity == "invalid"


@pytest.mark.parametrize(
    ("durations_s", "severity"),
    [
        ((2.0,), None),
        ((2.0, 2.1, 1.9), None),
        ((2.0, 2.0, 5.0), "warning"),
        ((20.0, 1.9), "invalid"),
        ((19.6, 0.05, 0.03), "invalid"),
    ],
)
def test_windows_of_different_speed_are_doubted(durations_s: Sequence[float], severity: str | None) -> None:
    warnings = _warnings(agreement.check_windows_agree, rows=_rows(durations_s))
    assert [each.severity for each in warnings] == ([severity] if severity else [])


def test_a_longer_window_with_more_work_is_no_slower() -> None:
    rows = [*_rows((2.0, 2.1)), *_rows((60.0,), tokens=3000)]
    assert _warnings(agreement.check_windows_agree, rows=rows) == []


@pytest.mark.parametrize(
    ("compiled_s", "severity"), [(None, None), (0.0, None), (0.2, "warning"), (19.0, "invalid")]
)
def test_compilation_in_a_single_window_is_doubted(compiled_s: float | None, severity: str | None) -> None:
    warnings = _warnings(
        agreement.check_nothing_was_compiled, rows=_rows((20.0,)), compiled_in_windows_s=compiled_s
    )
    assert [each.severity for each in warnings] == ([severity] if severity else [])
