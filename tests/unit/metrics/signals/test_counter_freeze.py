"""A freeze is what the readings show: many traces of healthy counters have none, and each true one is found."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.metrics.signals.counter_freeze import find_freezes
from llenergymeasure.metrics.signals.counter_ticks import locate_ticks

DURATION_S = 60.0
STEP_S = 0.005
SLOWEST_S, FASTEST_S = 0.35, 0.02


def _readings(rng: np.random.Generator) -> np.ndarray:
    """Return the times of readings: even, uneven, or by a call that is sometimes slow."""
    gap_s = rng.uniform(FASTEST_S, SLOWEST_S)
    gaps_s = np.full(int(DURATION_S / gap_s) + 2, gap_s)
    kind = rng.integers(3)
    if kind == 1:
        gaps_s *= rng.uniform(0.6, 1.4, len(gaps_s))
    if kind == 2:
        gaps_s += rng.exponential(0.1 * gap_s, len(gaps_s))
    read_s = np.cumsum(gaps_s)
    return read_s[read_s < DURATION_S]


def _counter(rng: np.random.Generator, frozen_s: tuple[float, float] | None = None):
    """Return the times, joules and watts of one trace: a counter of 20 or 100 ms, late by up to a few ms or 10 ms."""
    period_s, read_s = rng.choice([0.02, 0.1]), _readings(rng)
    fine_s = np.arange(0.0, DURATION_S + 1, STEP_S)
    high_w, low_w = rng.choice([60.0, 250.0, 400.0, 690.0], size=2)
    on = (fine_s / rng.uniform(0.05, 3.0)) % 1 < rng.uniform(0.2, 0.8)
    power_w = np.where(on, high_w, low_w) + rng.normal(0.0, 3.0, len(fine_s))
    drawn_j = np.concatenate([[0.0], np.cumsum(power_w[:-1]) * STEP_S])
    number = np.arange(-1, int(DURATION_S / period_s) + 2)
    tick_s = number * period_s + np.abs(rng.normal(0.0, rng.choice([0.001, 0.1 * period_s]), len(number)))
    shown_j = np.interp(tick_s, fine_s, drawn_j)
    if frozen_s is not None:
        held = (tick_s >= frozen_s[0]) & (tick_s < frozen_s[1])
        before = int(np.argmax(held)) - 1
        lost_j = shown_j[held][-1] - shown_j[before]
        shown_j = np.where(held, shown_j[before], np.where(tick_s >= frozen_s[1], shown_j - lost_j, shown_j))
    energy_j = np.round(shown_j[np.searchsorted(tick_s, read_s, side="right") - 1], 3)
    mean_until_s = np.floor(read_s / 0.1) * 0.1
    mean_j = np.interp(mean_until_s, fine_s, drawn_j) - np.interp(mean_until_s - 0.025, fine_s, drawn_j)
    return read_s, energy_j, mean_j / 0.025


@pytest.mark.parametrize("seed", range(4))
def test_no_healthy_counter_is_called_frozen(seed):
    rng = np.random.default_rng(seed)
    for _ in range(250):
        read_s, energy_j, power_w = _counter(rng)
        assert find_freezes(read_s, energy_j, (read_s, power_w)) == ()


@pytest.mark.parametrize("seed", range(2))
def test_every_freeze_of_eight_tenths_of_a_second_is_found(seed):
    rng = np.random.default_rng(100 + seed)
    found = []
    for _ in range(50):
        start_s = rng.uniform(5.0, 50.0)
        end_s = start_s + rng.uniform(0.8, 3.0)
        read_s, energy_j, power_w = _counter(rng, (start_s, end_s))
        freezes = find_freezes(read_s, energy_j, (read_s, power_w))
        found.append(any(each.start_s < end_s and start_s < each.end_s for each in freezes))
    assert all(found)


@pytest.mark.parametrize("sampling_s", [0.05, 0.079, 0.12])
def test_readings_that_beat_with_the_ticks_leave_no_hole(sampling_s):
    rng = np.random.default_rng(7)
    read_s = np.arange(0.0, 30.0, sampling_s)
    read_s += rng.normal(0.0, 0.004, len(read_s))
    ticks = locate_ticks(read_s, 300.0 * np.floor(read_s / 0.1) * 0.1, None)
    assert np.diff(ticks.t_s).max() < 0.25 + 2.5 * max(0.1, sampling_s)


TICK_S = 0.1
NO_POWER = (np.empty(0), np.empty(0))


def _stood_still(watts: float, still_s: tuple[float, float], *, lost: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return readings of a counter under steady power that did not move for a while: late, or with a loss."""
    read_s = np.cumsum(np.random.default_rng(3).uniform(0.005, 0.035, 1000))
    tick_s = np.arange(0.0, 30.0, TICK_S)
    within = (tick_s >= still_s[0]) & (tick_s < still_s[1])
    rise_j = np.where(within, 0.0, watts * TICK_S)
    if not lost:
        rise_j[np.argmax(within) + within.sum()] += watts * TICK_S * within.sum()
    return read_s, np.cumsum(rise_j)[np.searchsorted(tick_s, read_s, side="right") - 1]


@pytest.mark.parametrize("watts", [12.0, 300.0])
@pytest.mark.parametrize("length_s", [0.8, 2.0])
def test_a_late_counter_is_told_from_a_frozen_one_without_power_readings(watts, length_s):
    still_s = (8.0, 8.0 + length_s)
    assert find_freezes(*_stood_still(watts, still_s, lost=False), NO_POWER) == ()
    assert len(find_freezes(*_stood_still(watts, still_s, lost=True), NO_POWER)) == 1


def test_work_that_begins_as_a_freeze_ends_does_not_hide_it():
    read_s, energy_j = _stood_still(20.0, (8.0, 9.0), lost=True)
    energy_j[read_s >= 9.0] += 15.0  # a prefill within the first tick after it draws what was lost
    shown_w = np.where((read_s >= 9.1) & (read_s < 9.2), 170.0, 20.0)
    assert len(find_freezes(read_s, energy_j, (read_s, shown_w))) == 1
