"""The split finds the energies of phases that a sensor does not resolve, and says where it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.attribution.phases.split import PhaseShares, SplitEnergies
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.support.simulated_phases import Load, PhasedRun, phased_run
from tests.support.simulated_power import COUNTERS, POWER_ONLY

A100 = COUNTERS["a100"]
"""Its counter ticks every 100 ms."""


def _energies(outcome: SplitEnergies) -> np.ndarray:
    split = outcome.split
    assert split.reason is None
    return np.array([split.prefill_energy_j, split.decode_energy_j, split.rest_energy_j], dtype=float)


def _is_covered(run: PhasedRun, outcome: SplitEnergies) -> bool:
    assert outcome.half_width_j is not None
    return bool(np.all(np.abs(_energies(outcome) - run.true_j)[:2] <= outcome.half_width_j[:2]))


@pytest.mark.parametrize(("prefill_s", "within"), [(0.005, 0.03), (0.02, 0.01)])
def test_prefills_shorter_than_a_tick_are_split_off_and_covered(prefill_s: float, within: float) -> None:
    runs = [phased_run(A100, Load(prefill_s=prefill_s), seed) for seed in range(2)]
    outcomes = [run.split() for run in runs]
    errors = [abs(_energies(each)[0] / run.true_j[0] - 1) for run, each in zip(runs, outcomes, strict=True)]
    assert max(errors) < within
    assert all(_is_covered(run, each) for run, each in zip(runs, outcomes, strict=True))
    assert {each.split.method for each in outcomes} == {"least_squares"}
    assert {each.split.prefills for each in outcomes} == {200}


@pytest.mark.parametrize("load", [Load(batches=60, rest_s=0.2), Load(batches=60, grows=0.1)])
def test_rest_and_decoding_that_draws_more_and_more_do_not_bias_the_split(load: Load) -> None:
    run = phased_run(A100, load, 1)
    outcome = run.split()
    assert _is_covered(run, outcome)
    assert _energies(outcome)[0] == pytest.approx(run.true_j[0], rel=0.015)


def test_readings_over_a_part_of_their_period_are_split_too() -> None:
    run = phased_run(POWER_ONLY["a100"], Load(prefill_s=0.05), 2)
    assert _is_covered(run, run.split())


def test_phases_that_a_sensor_resolves_are_read_off_the_trace() -> None:
    run = phased_run(COUNTERS["rapl"], Load(batches=3, prefill_s=0.6, decode_s=1.0), 1)
    outcome = run.split()
    assert outcome.split.method == "intervals"
    assert _is_covered(run, outcome)


@pytest.mark.parametrize("load", [Load(batches=30, rest_s=0.1), Load(batches=3, prefill_s=1.5, decode_s=2.0)])
def test_the_parts_add_up_to_the_energy_of_the_windows(load: Load) -> None:
    run = phased_run(A100, load, 3)
    total_j = EnergyAccount(run.trace).energy(run.windows[0]).energy_j
    assert _energies(run.split()).sum() == pytest.approx(total_j, rel=1e-9)


def test_a_single_short_prefill_is_not_identifiable() -> None:
    outcome = phased_run(A100, Load(batches=1, decode_s=6.0), 1).split()
    assert outcome.split.prefill_energy_j is None
    assert str(outcome.split.reason).startswith("only one prefill shorter than the sensors resolve")


def test_prefills_locked_to_the_tick_are_not_identifiable() -> None:
    outcome = phased_run(A100, Load(batches=60, decode_s=0.48, varies=0.0), 1).split()
    assert "same place" in str(outcome.split.reason)


def test_phases_in_fixed_proportions_within_a_tick_are_not_identifiable() -> None:
    load = Load(batches=400, prefill_s=0.01, decode_s=0.01, step_s=0.01, varies=0.0)
    assert phased_run(A100, load, 1).split().split.reason is not None


def test_steps_of_both_phases_are_not_identifiable_by_their_times_alone() -> None:
    run = phased_run(A100, Load(batches=20), 1)
    mixed = StepTable(**{**vars(run.steps), "decode_tokens": np.ones(len(run.steps), dtype=np.int32)})
    assert "at once, and their energy cannot be shared: no model" in str(run.split(mixed).split.reason)


def test_steps_of_both_phases_are_shared_by_the_cost_model_without_an_interval() -> None:
    run = phased_run(A100, Load(batches=20), 1)
    mixed = StepTable(**{**vars(run.steps), "decode_tokens": np.ones(len(run.steps), dtype=np.int32)})
    outcome = run.split(mixed, PhaseShares(prefill_j=30.0, decode_j=50.0, rest_j=1.0))
    assert (outcome.split.method, outcome.half_width_j) == ("model", None)
    assert _energies(outcome).tolist() == [30.0, 50.0, 1.0]
    assert outcome.split.prefill_s is None


def test_an_unknown_energy_leaves_the_split_unknown_with_its_reason() -> None:
    run = phased_run(A100, Load(batches=10), 1)
    cut = EnergyTrace(channels=run.trace.channels, samples=run.trace.samples[:150])
    outcome = replace(run, trace=cut).split()
    assert "it was not read after" in str(outcome.split.reason)
    assert outcome.half_width_j is None


def test_sensors_of_several_devices_add_up() -> None:
    run = phased_run(A100, Load(batches=60, prefill_s=0.05), 5, cards=3)
    outcome = run.split()
    assert outcome.split.cells == pytest.approx(3 * 330, rel=0.05)
    assert _is_covered(run, outcome)
    assert _energies(outcome)[0] == pytest.approx(run.true_j[0], rel=0.01)
