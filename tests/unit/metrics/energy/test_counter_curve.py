"""Energy from a counter: exact where the ticks say all, honest where they do not."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.energy.build import build_curves
from tests.support.synthetic import (
    Power,
    constant,
    counter_curve,
    counter_j,
    energy_between,
    joules,
    ns,
    relative_errors,
    sample_times,
    square,
    trace_of,
)

TICKS = [0.02, 0.1]
watts = st.floats(20, 700)


@st.composite
def powers(draw: st.DrawFn) -> Power:
    """Piecewise constant power over 12 s, steps of 10 ms to 2 s."""
    lengths = draw(st.lists(st.floats(0.01, 2.0), min_size=8, max_size=30))
    levels = draw(st.lists(watts, min_size=len(lengths) + 1, max_size=len(lengths) + 1))
    return Power((-10.0, *np.cumsum(lengths), 200.0), tuple(levels))


moments = st.lists(st.floats(0.5, 11.0), min_size=3, max_size=3).map(sorted)


@given(
    power=powers(), tick_s=st.sampled_from(TICKS), phase=st.floats(0, 1), seed=st.integers(0, 99), at=moments
)
@settings(max_examples=30, deadline=None)
def test_adjacent_intervals_add_up(
    power: Power, tick_s: float, phase: float, seed: int, at: list[float]
) -> None:
    curve = counter_curve(power, tick_s, seed=seed, phase_s=phase * tick_s)
    a, b, c = at
    assert joules(curve, a, b) + joules(curve, b, c) == pytest.approx(joules(curve, a, c), abs=1e-6)


@given(power=powers(), tick_s=st.sampled_from(TICKS), seed=st.integers(0, 99), at=moments)
@settings(max_examples=30, deadline=None)
def test_energy_never_falls(power: Power, tick_s: float, seed: int, at: list[float]) -> None:
    curve = counter_curve(power, tick_s, seed=seed)
    assert all(joules(curve, first, second) >= 0 for first, second in itertools.pairwise(at))


@pytest.mark.parametrize("tick_s", TICKS)
def test_one_second_of_a_square_wave_is_within_half_a_percent(tick_s: float) -> None:
    errors: list[float] = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        power = square(rng.uniform(0, 0.7))
        curve = counter_curve(power, tick_s, seed=seed, phase_s=rng.uniform(0, tick_s))
        errors += relative_errors(curve, power, rng.uniform(0.5, 10, 40), rng.uniform(0.95, 1.05, 40))
    assert np.mean(np.abs(errors)) <= 0.005
    assert np.percentile(np.abs(errors), 95) <= 0.02
    assert abs(np.mean(errors)) <= 0.001


@pytest.mark.parametrize("tick_s", TICKS)
def test_the_stated_edge_error_covers_the_truth(tick_s: float) -> None:
    covered: list[bool] = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        edges = np.cumsum(rng.uniform(0.02, 0.6, 60))
        power = Power((-10.0, *edges, 200.0), tuple(rng.uniform(80, 500, 61)))
        curve = counter_curve(power, tick_s, seed=seed, phase_s=rng.uniform(0, tick_s))
        for start in rng.uniform(0.5, 10, 10):
            found = energy_between(curve, ns(start), ns(start + 1))
            assert found.energy_j is not None
            covered.append(
                abs(found.energy_j - power.between(start, start + 1)) <= found.random_error_j + 2e-3
            )
    assert np.mean(covered) >= 0.95


def test_steady_power_leaves_almost_nothing_open_at_the_edges() -> None:
    found = energy_between(counter_curve(constant(), 0.1), ns(2.0), ns(3.0))
    assert found.energy_j == pytest.approx(300.0, rel=1e-3)
    assert found.random_error_j < 0.003 * 300.0


def test_sensor_error_is_the_channel_s_share_of_the_energy() -> None:
    found = energy_between(counter_curve(constant(), 0.1, relative_error=0.05), ns(2.0), ns(4.0))
    assert found.sensor_error_j == pytest.approx(30.0, rel=0.01)


@given(start_j=st.floats(0, 3000), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_a_wrap_anywhere_changes_nothing(start_j: float, seed: int) -> None:
    power, t_s, range_j = square(), sample_times(10.0, seed), 3000.0
    straight = counter_j(power, t_s, 0.02, start_j=start_j)
    plain = build_curves(trace_of(t_s, straight))[0]
    wrapped = build_curves(trace_of(t_s, straight % range_j, counter_range_j=range_j))[0]
    assert joules(wrapped, 1.0, 9.0) == pytest.approx(joules(plain, 1.0, 9.0), abs=0.5)


@given(at=st.floats(2.0, 8.0), level=st.floats(0, 100), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_a_reset_makes_its_own_interval_unknown_and_no_other(at: float, level: float, seed: int) -> None:
    power, t_s = constant(), sample_times(10.0, seed)
    shown = counter_j(power, t_s, 0.1)
    shown = np.where(t_s < at, shown, shown - float(power.energy_j(at)) - 5000.0 + level)
    curve = build_curves(trace_of(t_s, shown, counter_range_j=262_000.0))[0]
    assert energy_between(curve, ns(at - 1), ns(at + 1)).energy_j is None
    assert energy_between(curve, ns(at - 1), ns(at + 1)).reason == "the energy counter was reset"
    assert joules(curve, at - 1.5, at - 0.5) == pytest.approx(300.0, rel=0.01)
    assert joules(curve, at + 0.5, at + 1.5) == pytest.approx(300.0, rel=0.01)


@given(blanks=st.lists(st.integers(50, 450), min_size=1, max_size=20, unique=True))
@settings(max_examples=30, deadline=None)
def test_blank_readings_are_no_resets(blanks: list[int]) -> None:
    t_s = sample_times(10.0)
    shown = counter_j(constant(), t_s, 0.1)
    shown[[blank - blank % 5 for blank in blanks]] = 0.0
    assert joules(build_curves(trace_of(t_s, shown))[0], 1.0, 9.0) == pytest.approx(2400.0, rel=0.005)


def frozen(power_w: float = np.nan, *, lost: bool = True) -> EnergyTrace:
    """A counter that stands still from 4 to 6 s, and then goes on where it stopped, or catches up."""
    power, t_s = constant(), sample_times(10.0)
    still = np.clip(t_s, None, 4.0)
    moved = np.where(t_s < 6.0, still, t_s - 2.0 if lost else t_s)
    return trace_of(t_s, counter_j(power, moved, 0.1), power_w)


def test_a_frozen_counter_makes_the_interval_unknown() -> None:
    curve = build_curves(frozen(300.0))[0]
    assert "the energy counter did not move for 2." in str(energy_between(curve, ns(3.0), ns(7.0)).reason)
    assert joules(curve, 1.0, 3.0) == pytest.approx(600.0, rel=0.01)
    assert joules(curve, 7.0, 9.0) == pytest.approx(600.0, rel=0.01)


def test_a_frozen_counter_is_found_without_power_readings_too() -> None:
    assert energy_between(build_curves(frozen())[0], ns(3.0), ns(7.0)).energy_j is None


def test_a_counter_that_was_late_but_lost_nothing_is_believed() -> None:
    curve = build_curves(frozen(300.0, lost=False))[0]
    assert joules(curve, 3.0, 7.0) == pytest.approx(1200.0, rel=0.01)
    assert energy_between(curve, ns(3.0), ns(5.0)).energy_j is None


def test_a_counter_that_freezes_to_the_end_is_no_zero() -> None:
    t_s = sample_times(10.0)
    trace = trace_of(t_s, counter_j(constant(), np.clip(t_s, None, 4.0), 0.02), 300.0)
    assert energy_between(build_curves(trace)[0], ns(5.0), ns(8.0)).energy_j is None


def gapped(start_s: float, end_s: float) -> EnergyTrace:
    t_s = sample_times(10.0)
    t_s = t_s[(t_s < start_s) | (t_s > end_s)]
    return trace_of(t_s, counter_j(constant(), t_s, 0.1))


def test_a_pause_of_the_sampling_within_an_interval_costs_nothing() -> None:
    assert joules(build_curves(gapped(4.0, 6.0))[0], 3.0, 7.0) == pytest.approx(1200.0, rel=0.005)


def test_a_pause_of_the_sampling_around_an_edge_makes_the_interval_unknown() -> None:
    found = energy_between(build_curves(gapped(4.0, 6.0))[0], ns(3.0), ns(5.0))
    assert "showed nothing new for 2." in str(found.reason)


def test_a_wrapping_counter_is_not_believed_over_a_pause_that_may_hide_a_lap() -> None:
    t_s = sample_times(20.0)
    t_s = t_s[(t_s < 4.0) | (t_s > 14.0)]
    shown = counter_j(constant(), t_s, 0.02) % 2000.0
    curve = build_curves(trace_of(t_s, shown, counter_range_j=2000.0))[0]
    assert "gone round unseen" in str(energy_between(curve, ns(3.0), ns(15.0)).reason)


def test_before_and_after_the_trace_nothing_is_known() -> None:
    curve = counter_curve(constant(), 0.1, duration_s=10.0, interrupted="sampler killed by signal 9")
    assert "was not read before" in str(energy_between(curve, ns(-2.0), ns(3.0)).reason)
    assert "sampler killed by signal 9" in str(energy_between(curve, ns(3.0), ns(13.0)).reason)


def test_a_sensor_that_is_lost_names_its_error() -> None:
    t_s = sample_times(10.0)
    lost = t_s > 6.0
    shown = np.where(lost, np.nan, counter_j(constant(), t_s, 0.02))
    curve = build_curves(trace_of(t_s, shown, error=np.where(lost, 15, 0)))[0]
    assert joules(curve, 2.0, 5.0) == pytest.approx(900.0, rel=0.005)
    assert "the sensor answered with error 15" in str(energy_between(curve, ns(5.0), ns(8.0)).reason)


def test_a_sensor_that_now_and_then_refuses_is_interpolated() -> None:
    t_s = sample_times(10.0)
    refused = np.arange(len(t_s)) % 3 == 0
    shown = np.where(refused, np.nan, counter_j(constant(), t_s, 0.1))
    curve = build_curves(trace_of(t_s, shown, error=np.where(refused, 999, 0)))[0]
    assert joules(curve, 2.0, 5.0) == pytest.approx(900.0, rel=0.005)


def test_a_dead_counter_gives_way_to_the_power_readings() -> None:
    t_s = sample_times(10.0)
    for dead in (np.full(len(t_s), 5000.0), np.full(len(t_s), np.nan)):
        curve = build_curves(trace_of(t_s, dead, 250.0, error=np.where(np.isnan(dead), 3, 0)))[0]
        assert curve.method == "sampled"
        assert joules(curve, 2.0, 5.0) == pytest.approx(750.0)


@pytest.mark.parametrize(
    ("shown", "error", "reason"),
    [(5000.0, 0, "the energy counter did not move"), (np.nan, 3, "the sensor answered with error 3")],
)
def test_a_dead_counter_alone_is_unknown_with_the_reason(shown: float, error: int, reason: str) -> None:
    curve = build_curves(trace_of(sample_times(5.0), shown, error=error))[0]
    assert energy_between(curve, ns(1.0), ns(2.0)).reason == reason


def test_a_channel_without_samples_was_never_read() -> None:
    curve = build_curves(trace_of(np.empty(0)))[0]
    assert energy_between(curve, ns(0.0), ns(1.0)).reason == "it was never read"


def test_a_counter_that_moves_with_every_reading_is_exact() -> None:
    t_s = sample_times(10.0, period_s=0.1)
    trace = trace_of(t_s, constant(40.0).energy_j(t_s), method="estimated", update_period_s=0.0)
    found = energy_between(build_curves(trace)[0], ns(2.0), ns(5.0))
    assert found.method == "estimated"
    assert found.energy_j == pytest.approx(120.0, abs=1e-6)
    assert found.random_error_j == pytest.approx(0.0, abs=1e-6)


def test_an_estimate_of_zero_watts_is_zero_not_frozen() -> None:
    t_s = sample_times(10.0, period_s=0.1)
    trace = trace_of(t_s, np.zeros(len(t_s)), 0.0, method="estimated", update_period_s=0.0)
    assert joules(build_curves(trace)[0], 2.0, 5.0) == 0.0


def test_ten_minutes_of_eight_gpus_assemble_in_a_second() -> None:
    t_s = sample_times(600.0)
    one = trace_of(t_s, counter_j(Power((-10.0, 700.0), (300.0,)), t_s, 0.1), 300.0)
    samples = np.repeat(one.samples, 8)
    samples["channel"] = np.tile(np.arange(8), len(t_s))
    trace = EnergyTrace(channels=one.channels * 8, samples=samples)
    start_s = time.process_time()
    curves = build_curves(trace)
    assert sum(joules(curve, 100.0, 400.0) for curve in curves) == pytest.approx(8 * 90_000.0, rel=1e-4)
    assert time.process_time() - start_s < 1.0


def test_a_gap_in_the_sampling_of_an_estimate_is_no_freeze() -> None:
    t_s = sample_times(10.0, period_s=0.1)
    t_s = t_s[(t_s < 4.0) | (t_s > 4.6)]
    trace = trace_of(t_s, constant(40.0).energy_j(t_s), 40.0, method="estimated", update_period_s=0.0)
    assert joules(build_curves(trace)[0], 2.0, 6.0) == pytest.approx(160.0, abs=1e-6)
