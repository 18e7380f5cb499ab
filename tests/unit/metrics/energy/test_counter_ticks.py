"""When a counter ticked, told from samples that only bracket it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.signals.counter_ticks import locate_ticks
from tests.support.synthetic import constant, counter_j, sample_times, trace_of

START_J = 5000.0


def late_s(
    tick_s: float, seed: int, jitter_s: float = 0.0, update_period_s: float | None = None
) -> np.ndarray:
    """Return by how much each located tick is later than the true one, at 100 W."""
    rng = np.random.default_rng(seed)
    power, t_s = constant(100.0), sample_times(20.0, seed)
    phase_s = rng.uniform(0, tick_s)
    if jitter_s:
        ticks_s = np.sort(
            np.arange(-1, 21, tick_s) + phase_s + rng.normal(0, jitter_s, len(np.arange(-1, 21, tick_s)))
        )
        shown = power.energy_j(ticks_s[np.searchsorted(ticks_s, t_s, side="right") - 1]) + START_J
    else:
        shown = counter_j(power, t_s, tick_s, phase_s, START_J)
    ticks = locate_ticks(t_s, shown, update_period_s)
    true_s = np.interp(ticks.energy_j - START_J, power.energy_j(np.array([-10.0, 1000.0])), [-10.0, 1000.0])
    return np.asarray(ticks.t_s - true_s)


@pytest.mark.parametrize("tick_s", [0.0167, 0.02, 0.025, 0.0333, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(6))
def test_ticks_are_told_to_a_fraction_of_the_sampling_period(tick_s: float, seed: int) -> None:
    errors_s = late_s(tick_s, seed)
    assert np.percentile(np.abs(errors_s), 95) < 0.002


def test_ticks_that_stray_a_little_are_told_about_as_well_as_they_stray() -> None:
    assert np.percentile(np.abs(late_s(0.1, 3, jitter_s=0.001)), 95) < 0.003


def test_ticks_without_a_rhythm_are_put_between_their_samples_and_said_to_be_uncertain() -> None:
    rng = np.random.default_rng(5)
    t_s = sample_times(20.0)
    ticks_s = np.cumsum(rng.uniform(0.02, 0.3, 200))
    shown = 10.0 * np.searchsorted(ticks_s, t_s, side="right")
    ticks = locate_ticks(t_s, shown, None)
    true_s = ticks_s[np.round(ticks.energy_j / 10).astype(int) - 1]
    assert ticks.period_s is None
    assert (np.abs(ticks.t_s - true_s) <= ticks.error_s + 1e-9).all()


def test_a_counter_known_to_be_fast_is_as_fresh_as_its_maker_says() -> None:
    assert np.abs(late_s(0.001, 1, update_period_s=0.001)).max() < 0.001


def test_a_counter_found_to_be_fast_is_taken_as_fresh_within_what_the_samples_allow() -> None:
    t_s = sample_times(60.0)
    ticks = locate_ticks(t_s, counter_j(constant(), t_s, 0.001), None)
    assert ticks.error_s.max() < 0.01


def test_ticks_move_forward() -> None:
    for seed in range(5):
        t_s = sample_times(20.0, seed)
        for tick_s in (0.008, 0.0133, 0.02, 0.07):
            ticks = locate_ticks(t_s, counter_j(constant(), t_s, tick_s), None)
            assert (np.diff(ticks.t_s) > 0).all()
            assert (np.diff(ticks.energy_j) > 0).all()


def test_an_hour_without_samples_costs_no_memory() -> None:
    t_s = sample_times(20.0)
    t_s = np.where(t_s > 0.6, t_s + 3600.0, t_s)
    trace = trace_of(t_s, counter_j(constant(), t_s, 0.1))
    tracemalloc.start()
    build_curves(trace)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 300e6
