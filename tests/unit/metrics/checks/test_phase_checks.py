"""A load whose phases a sensor cannot tell apart is warned of where another load would help."""

from __future__ import annotations

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.attribution import AttributionSummary
from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.energy import check_phases_are_not_locked, check_step_costs_predict
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.support.simulated_phases import Load, phased_run
from tests.support.simulated_power import COUNTERS


def _warnings(split: PhaseSplit) -> list[RunWarning]:
    config, account = ExperimentConfig(model="any", device="cpu"), EnergyAccount(Unmetered().trace())
    inputs = CheckInputs(config=config, rows=(), energy=EnergyBreakdown(), account=account, phase_split=split)
    return list(check_phases_are_not_locked(inputs))


def test_prefills_locked_to_the_tick_are_information_with_a_remedy() -> None:
    run = phased_run(COUNTERS["a100"], Load(batches=20, decode_s=0.48, varies=0.0), 1)
    (warning,) = _warnings(run.split().split)
    assert (warning.code, warning.severity) == ("phases_locked", "info")
    assert "same place" in warning.message
    assert "another batch size" in str(warning.remedy)


def test_a_single_prefill_is_no_warning() -> None:
    run = phased_run(COUNTERS["a100"], Load(batches=1, decode_s=3.0), 1)
    assert run.split().split.reason is not None
    assert _warnings(run.split().split) == []


def _cost_warnings(error: float | None, r2: float | None = 0.9) -> list[RunWarning]:
    summary = AttributionSummary(
        requests=0,
        requests_energy_j=1.0,
        idle_energy_j=0.0,
        overhead_energy_j=0.0,
        out_of_sample_error=error,
        r2=r2,
    )
    config, account = ExperimentConfig(model="any", device="cpu"), EnergyAccount(Unmetered().trace())
    inputs = CheckInputs(
        config=config, rows=(), energy=EnergyBreakdown(), account=account, attribution=summary
    )
    return list(check_step_costs_predict(inputs))


def test_costs_that_do_not_hold_from_repeat_to_repeat_are_information_with_their_error() -> None:
    (warning,) = _cost_warnings(0.23)
    assert (warning.code, warning.severity, warning.magnitude) == ("step_costs_inaccurate", "info", 0.23)
    assert warning.message.endswith("that it was not fitted to with an error of 23 %.")


def test_costs_that_hold_or_were_not_tried_are_no_warning() -> None:
    assert _cost_warnings(0.02) == []
    assert _cost_warnings(None) == _cost_warnings(0.02, None) == []


def test_costs_that_explain_little_are_information_whatever_they_predict() -> None:
    (low,), (negative,) = _cost_warnings(0.02, 0.3), _cost_warnings(None, -0.2159)
    assert (low.code, low.severity) == (negative.code, negative.severity) == ("step_costs_inaccurate", "info")
    assert "(R² 0.30)" in low.message
    assert "(R² -0.22: less than a constant would)" in negative.message


def test_costs_that_explain_little_and_predict_badly_are_one_warning() -> None:
    (warning,) = _cost_warnings(0.23, 0.1)
    assert "R² 0.10), and predicts" in warning.message
