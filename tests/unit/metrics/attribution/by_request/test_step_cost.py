"""The fitted costs of steps agree with those that a simulated card's power follows, as `make bench-prices` shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.attribution.by_request.step_cost import out_of_sample_errors
from llenergymeasure.metrics.attribution.by_request.summary import summarise_attribution
from llenergymeasure.metrics.attribution.by_request.timeline import COSTS, step_amounts
from tests.support.simulated_power import COUNTERS, POWER_ONLY
from tests.support.simulated_serving import COSTS_J, Mix, ServedRun, serve


@pytest.mark.parametrize("fills", [False, True], ids=["static batches", "continuous batching"])
def test_costs_are_found_within_their_intervals(fills: bool) -> None:
    covered = 0
    for seed in range(4):
        costs = serve(Mix(fills=fills), seed, COUNTERS["a100"], windows=2, window_s=5.0).attribution().costs
        for number in range(len(COSTS) - 1):
            one = np.eye(len(COSTS))[number]
            half = costs.half_width(one)
            assert half is not None
            covered += abs(costs.total[number] - COSTS_J[number]) <= half
        assert costs.r2 is not None
        assert costs.r2 > 0.99
    assert covered >= 14  # of 16


def _late(run: ServedRun, by_s: float) -> ServedRun:
    """Return the same run, every reading of which came later."""
    samples = run.trace.samples.copy()
    samples["t_unix_ns"] += round(by_s * 1e9)
    return replace(run, trace=EnergyTrace(channels=run.trace.channels, samples=samples))


def test_a_delay_that_all_readings_have_in_common_is_in_the_intervals() -> None:
    """Power readings are known to 10 ms (`energy.sampled_curve.LATENCY_S`); here all of them are 8 ms late."""
    run = _late(serve(Mix(), 3, POWER_ONLY["a100"], windows=2, window_s=5.0), 0.008)
    costs = run.attribution().costs
    for one, true_j in zip(np.eye(len(COSTS))[:4], COSTS_J, strict=False):
        half = costs.half_width(one)
        assert half is not None
        assert abs(costs.total @ one - true_j) <= half


def test_a_price_that_few_cells_decide_is_no_surer_than_all_residuals_allow() -> None:
    """In a queue that is always full few cells hold a prefill, and their groups may agree by chance."""
    mix, step = Mix(fills=True), np.eye(len(COSTS))[0]
    found = [serve(mix, seed, COUNTERS["rapl"], windows=2, window_s=4.0) for seed in range(6)]
    halves = [run.attribution().costs.half_width(step) for run in found]
    assert all(half is not None for half in halves)
    assert min(halves) > np.median(halves) / 2


def test_the_energy_of_another_mix_is_predicted() -> None:
    costs = serve(Mix(), 1, COUNTERS["a100"], windows=2, window_s=5.0).attribution().costs
    other = serve(Mix(slots=3, prompt_tokens=(300, 500)), 2, COUNTERS["a100"], windows=1, window_s=2.0)
    amounts = step_amounts(other.steps).sum(axis=0)
    assert amounts @ costs.total == pytest.approx(amounts @ COSTS_J, rel=0.05)


def test_steps_that_are_all_alike_leave_their_costs_unknown_and_still_add_up() -> None:
    """One batch size and one length: a step and its decode tokens always come together."""
    alike = Mix(slots=4, prompt_tokens=(100, 100), output_tokens=(50, 50))
    found = serve(alike, 1, COUNTERS["a100"], windows=2, window_s=5.0).attribution()
    known = [found.costs.is_estimable(each) for each in np.eye(len(COSTS))]
    assert dict(zip(COSTS, known, strict=True)) == {
        "step": False,
        "prefill_token": False,
        "decode_token": False,
        "context_token": True,
        "idle_s": True,
    }
    assert found.costs.is_estimable(np.array([1.0, 0.0, 4.0, 0.0, 0.0]))
    for energies, cells in zip(found.energies, found.windows, strict=True):
        together_j = energies.energy_j.sum() + energies.idle_j + energies.overhead_j
        assert together_j == pytest.approx(cells.energy_j, rel=1e-9)
    assert np.ptp(found.energies[0].energy_j) < 0.02 * found.energies[0].energy_j.mean()


def test_each_repeat_is_predicted_by_the_others_and_a_single_one_by_none() -> None:
    found = serve(Mix(), 3, COUNTERS["a100"], windows=3, window_s=3.0).attribution()
    errors = out_of_sample_errors(found.rows, 3)
    assert errors.shape == (3,)
    assert np.abs(errors).max() < 0.01
    one = serve(Mix(), 3, COUNTERS["a100"], windows=1, window_s=3.0).attribution()
    summary = summarise_attribution(one)
    assert summary.out_of_sample_error is None
    assert summary.out_of_sample_reason == "a single repeat has no spread"


def test_the_summary_says_how_far_the_shares_are_from_shapley_values() -> None:
    summary = summarise_attribution(serve(Mix(), 3, COUNTERS["a100"], windows=2, window_s=3.0).attribution())
    assert summary.shapley_distance is not None
    assert summary.shapley_sampling_error is not None
    assert summary.shapley_distance < 0.02
    assert summary.costs is not None
    assert list(summary.costs.model_dump().values()) == pytest.approx(COSTS_J.tolist(), rel=0.2)
    assert summary.shapley_sampling_error < 0.01
    assert summary.total is not None
    assert summary.prefill is not None
    assert summary.decode is not None
    assert summary.total.mean_j == pytest.approx(summary.prefill.mean_j + summary.decode.mean_j)
    assert summary.requests_energy_j == pytest.approx(summary.total.mean_j * summary.requests)
    assert summary.requests_per_step is not None
    assert (summary.requests_per_step.least, summary.requests_per_step.most) == (1, 8)
    assert {type(each) for each in summary.requests_per_step.model_dump().values()} == {int}
