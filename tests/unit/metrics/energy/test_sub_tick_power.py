"""Power readings beside a counter place what happened within the tick in which a window ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.sparse_steps import IntervalMeans, fit_sparse_steps
from llenergymeasure.metrics.signals.sub_tick_power import SubTickPower, sub_tick_power
from tests.simulators.nvml.profiles import gh200
from tests.simulators.signals import Signal, Square, Steps, bursts
from tests.support.simulated_power import Sensor, read
from tests.support.synthetic import joules

END_S = 20.0
GH200 = Sensor(card=gh200, power="instant")


def trace_over(power: Signal, seed: int, sensor: Sensor = GH200) -> EnergyTrace:
    return read(sensor, power, END_S, np.random.default_rng(seed))


def burst(seed: int) -> Steps:
    rng, at_s, each = np.random.default_rng(seed), 0.3, []
    while at_s < END_S:
        length_s = float(np.exp(rng.uniform(np.log(0.05), np.log(0.5))))
        each.append((at_s, length_s, float(rng.uniform(250, 650))))
        at_s += length_s + float(np.exp(rng.uniform(np.log(0.1), 0.0)))
    return bursts(90.0, each)


def curve_of(trace: EnergyTrace) -> CounterCurve:
    curve = build_curves(trace)[0]
    assert isinstance(curve, CounterCurve)
    return curve


def errors(curve: CounterCurve, power: Signal, seed: int) -> list[float]:
    starts_s = np.random.default_rng(seed).uniform(2.0, END_S - 3.0, 40)
    return [
        abs(joules(curve, at, at + 1.0) / (power.integral(at + 1.0) - power.integral(at)) - 1)
        for at in starts_s
    ]


def test_bursts_shorter_than_a_tick_are_placed_by_the_readings() -> None:
    placed, alone = [], []
    for seed in range(10):
        power = burst(seed)
        curve = curve_of(trace_over(power, seed))
        placed += errors(curve, power, seed)
        alone += errors(replace(curve, sub_tick_power=None), power, seed)
    assert np.mean(placed) < 0.6 * np.mean(alone)
    assert np.quantile(placed, 0.95) < 0.015


def test_readings_that_agree_with_the_ticks_change_nothing() -> None:
    power = Square(low=80.0, high=420.0, period_s=0.9)
    curve = curve_of(trace_over(power, 1))
    for at_s in np.linspace(3.0, 15.0, 30):
        assert joules(curve, at_s, at_s + 1) == joules(replace(curve, sub_tick_power=None), at_s, at_s + 1)


def test_readings_that_are_a_few_percent_high_throughout_place_as_well() -> None:
    power = burst(3)
    plain, high = trace_over(power, 3), trace_over(power, 3)
    high.samples["power_w"] *= 1.05
    alone = errors(replace(curve_of(plain), sub_tick_power=None), power, 3)
    assert np.mean(errors(curve_of(high), power, 3)) < 0.6 * np.mean(alone)
    assert np.mean(errors(curve_of(high), power, 3)) == pytest.approx(
        np.mean(errors(curve_of(plain), power, 3)), rel=0.25
    )


def test_adjacent_intervals_add_up() -> None:
    curve = curve_of(trace_over(burst(2), 2))
    for at_s in np.linspace(4.0, 9.0, 40):
        assert joules(curve, 3.0, at_s) + joules(curve, at_s, 10.0) == pytest.approx(joules(curve, 3.0, 10.0))


@pytest.mark.parametrize(("averaging_s", "used"), [(None, False), (0.025, True), (1.0, False)])
def test_only_readings_that_see_less_than_a_tick_are_taken(averaging_s: float | None, used: bool) -> None:
    trace = trace_over(burst(1), 1)
    channel = trace.channels[0].model_copy(update={"averaging_window_s": averaging_s})
    curve = curve_of(EnergyTrace(channels=(channel,), samples=trace.samples))
    assert (curve.sub_tick_power is not None) == used


def test_readings_without_a_beat_are_left_aside() -> None:
    trace = trace_over(burst(1), 1)
    trace.samples["power_w"] = 300.0
    with_them, without = curve_of(trace), replace(curve_of(trace), sub_tick_power=None)
    assert joules(with_them, 3.03, 8.01) == joules(without, 3.03, 8.01)


WATTS = st.lists(st.floats(20.0, 700.0), min_size=9, max_size=9)


@given(
    ticks_w=WATTS, read_w=st.lists(st.floats(1.0, 700.0), min_size=60, max_size=60), at=st.floats(0.0, 1.0)
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_read_the_energy_within_a_tick_is_between_none_and_all(
    ticks_w: list[float], read_w: list[float], at: float
) -> None:
    within_j = _readings(ticks_w, read_w).energy_within(np.array([4]), np.array([0.4 + 0.1 * at]))[0]
    assert np.isnan(within_j) or 0.0 <= within_j <= ticks_w[4] * 0.1 + 1e-9


def _readings(ticks_w: list[float], read_w: list[float]) -> SubTickPower:
    """Return ticks every 100 ms, and readings of the last 25 ms before each 10 ms after a tick."""
    edges_s = np.arange(len(ticks_w) + 1) * 0.1
    energy_j = np.concatenate([[0.0], np.cumsum(np.array(ticks_w) * 0.1)])
    ticks = Ticks(t_s=edges_s, energy_j=energy_j, error_s=np.zeros(len(edges_s)), period_s=0.1)
    t_s = np.arange(-2.0, 4.0, 0.02) + 0.01
    published = np.clip(((t_s + 2.0) / 0.1).astype(int), 0, len(read_w) - 1)
    readings = sub_tick_power(ticks, t_s, np.array(read_w)[published], 0.025)
    assert readings is not None
    return readings


def test_the_fewest_steps_are_one_burst_where_one_burst_explains_all() -> None:
    """90 W with 450 W from 0.22 s to 0.28 s: the ticks see 306 W in one of them, the reading 450 W."""
    edges_s = np.arange(6) * 0.1
    ticks = IntervalMeans(
        start_s=edges_s[None, :-1],
        end_s=edges_s[None, 1:],
        mean_w=np.array([[90.0, 90.0, 306.0, 90.0, 90.0]]),
        deviation_w=0.5,
    )
    readings = IntervalMeans(
        start_s=edges_s[None, :-1] + 0.03,
        end_s=edges_s[None, :-1] + 0.055,
        mean_w=np.array([[90.0, 90.0, 450.0, 90.0, 90.0]]),
        deviation_w=1.0,
    )
    until_j = fit_sparse_steps(ticks, readings).energy_until(
        np.zeros(5, dtype=int), np.array([0.0, 0.2, 0.23, 0.255, 0.3])
    )
    assert until_j[4] - until_j[1] == pytest.approx(30.6, abs=0.3)
    assert until_j[3] - until_j[2] == pytest.approx(450 * 0.025, rel=0.03)
    assert until_j[1] - until_j[0] == pytest.approx(18.0, abs=0.3)


def test_fits_made_at_once_are_those_made_one_by_one() -> None:
    """Also where one of them has fewer readings, whose place is filled with NaN."""
    random = np.random.default_rng(5)
    edges_s = np.arange(6) * 0.1 + np.zeros((3, 1))
    ticks = IntervalMeans(
        start_s=edges_s[:, :-1],
        end_s=edges_s[:, 1:],
        mean_w=random.uniform(80, 500, (3, 5)),
        deviation_w=0.7,
    )
    read_w = random.uniform(80, 500, (3, 5))
    read_w[1, 3:] = np.nan
    readings = IntervalMeans(
        start_s=edges_s[:, :-1] + 0.03, end_s=edges_s[:, :-1] + 0.055, mean_w=read_w, deviation_w=1.5
    )
    together = fit_sparse_steps(ticks, readings)
    for fit, count in enumerate((5, 3, 5)):
        alone = fit_sparse_steps(_one(ticks, fit, 5), _one(readings, fit, count))
        assert together.energy_j[fit] == pytest.approx(alone.energy_j[0], rel=1e-9)


def _one(means: IntervalMeans, fit: int, count: int) -> IntervalMeans:
    start_s, end_s, mean_w = (
        each[fit : fit + 1, :count] for each in (means.start_s, means.end_s, means.mean_w)
    )
    return IntervalMeans(start_s=start_s, end_s=end_s, mean_w=mean_w, deviation_w=means.deviation_w)


def test_plain_steps_are_placed_no_worse_than_by_the_ticks_alone() -> None:
    placed, alone = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        steps = [(float(at_s), float(rng.uniform(60, 600))) for at_s in np.cumsum(rng.uniform(0.6, 1.6, 16))]
        power = Steps(float(rng.uniform(60, 500)), steps)
        curve = curve_of(trace_over(power, seed))
        placed += errors(curve, power, seed)
        alone += errors(replace(curve, sub_tick_power=None), power, seed)
    assert np.quantile(placed, 0.95) <= 1.02 * np.quantile(alone, 0.95)
