"""Energy from power readings, for devices without a counter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.curve import EnergyCurve
from tests.support.synthetic import (
    Power,
    constant,
    energy_between,
    joules,
    ns,
    sample_times,
    square,
    trace_of,
)


def published(power: Power, t_s: NDArray[Any], period_s: float, window_s: float) -> NDArray[Any]:
    """Return readings of a sensor that publishes the mean of the last `window_s` every `period_s`."""
    at_s = np.floor(t_s / period_s) * period_s
    mean: NDArray[Any] = (power.energy_j(at_s) - power.energy_j(at_s - window_s)) / window_s
    return mean


def sampled_curve_of(
    power: Power, *, period_s: float = 0.02, window_s: float = 0.01, **more: Any
) -> EnergyCurve:
    t_s = sample_times(12.0)
    readings = published(power, t_s, period_s, window_s)
    return build_curves(trace_of(t_s, power_w=readings, method="sampled", **more))[0]


def test_steady_power_is_exact() -> None:
    curve = sampled_curve_of(constant(250.0))
    assert curve.method == "sampled"
    assert joules(curve, 2.0, 5.0) == pytest.approx(750.0)


def test_a_fast_sensor_follows_a_square_wave() -> None:
    power = square(0.1)
    assert joules(sampled_curve_of(power), 2.0, 9.0) == pytest.approx(power.between(2.0, 9.0), rel=0.02)


def test_repeated_readings_between_publications_do_not_delay_a_ramp() -> None:
    edges = np.linspace(-10.0, 20.0, 3001)
    ramp = Power(tuple(edges), tuple(100 + 20 * (edges[:-1] + 10)))
    curve = sampled_curve_of(ramp, period_s=0.1, window_s=0.025)
    assert joules(curve, 2.0, 5.0) == pytest.approx(ramp.between(2.0, 5.0), rel=0.004)


@given(at=st.lists(st.floats(0.5, 11.0), min_size=3, max_size=3).map(sorted), seed=st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_adjacent_intervals_of_readings_add_up(at: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    t_s = sample_times(12.0, seed)
    readings = np.repeat(rng.uniform(50, 500, len(t_s) // 5 + 1), 5)[: len(t_s)]
    curve = build_curves(trace_of(t_s, power_w=readings, method="sampled"))[0]
    a, b, c = at
    assert joules(curve, a, b) + joules(curve, b, c) == pytest.approx(joules(curve, a, c), abs=1e-6)


def test_the_stated_error_covers_a_sensor_that_sees_a_quarter_of_the_time() -> None:
    covered = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        power = square(rng.uniform(0, 0.7), period_s=rng.uniform(0.4, 0.9))
        curve = sampled_curve_of(power, period_s=0.1, window_s=0.025)
        for start in rng.uniform(0.5, 8, 5):
            found = energy_between(curve, ns(start), ns(start + 3))
            assert found.energy_j is not None
            covered.append(abs(found.energy_j - power.between(start, start + 3)) <= found.random_error_j)
    assert np.mean(covered) >= 0.95


def alias_of(t_s: NDArray[Any], power_w: NDArray[Any], start_s: float, end_s: float) -> float:
    curve = build_curves(trace_of(t_s, power_w=power_w, method="sampled", averaging_window_s=0.025))[0]
    return float(curve.energies(np.array([ns(start_s)]), np.array([ns(end_s)])).alias_error_j[0])


def test_a_short_pause_of_the_sampler_within_an_interval_widens_it_and_no_other() -> None:
    t_s = sample_times(12.0)
    power_w = published(square(period_s=0.43), t_s, 0.1, 0.025) + np.floor(t_s / 0.1) % 7
    kept = (t_s < 5.0) | (t_s > 5.4)
    whole = [alias_of(t_s, power_w, *window) for window in ((4.5, 6.5), (8.0, 10.0))]
    paused = [alias_of(t_s[kept], power_w[kept], *window) for window in ((4.5, 6.5), (8.0, 10.0))]
    assert paused[0] > 1.15 * whole[0]
    assert paused[1] == pytest.approx(whole[1], rel=0.02)


def test_a_second_that_is_calm_by_chance_is_as_uncertain_as_those_around_it() -> None:
    t_s = sample_times(12.0)
    number = np.floor(t_s / 0.1).astype(int)
    scattered_w = 300 + np.random.default_rng(2).normal(0, 40, number[-1] + 1)
    calm_w = scattered_w.copy()
    calm_w[55:65] = 300 + 0.1 * np.arange(10)
    calm = alias_of(t_s, calm_w[number], 5.5, 6.5)
    assert 0.5 * alias_of(t_s, scattered_w[number], 5.5, 6.5) < calm
    assert alias_of(t_s, (300 + 0.01 * np.arange(len(calm_w)))[number], 5.5, 6.5) < 0.01 * calm


def test_a_pause_in_the_readings_makes_the_interval_unknown() -> None:
    t_s = sample_times(12.0)
    t_s = t_s[(t_s < 5.0) | (t_s > 5.8)]
    curve = build_curves(trace_of(t_s, power_w=250.0, method="sampled"))[0]
    assert "power was not read for 0.8" in str(energy_between(curve, ns(4.0), ns(7.0)).reason)
    assert joules(curve, 2.0, 4.0) == pytest.approx(500.0)


def test_beyond_the_last_reading_nothing_is_known() -> None:
    curve = sampled_curve_of(constant(), interrupted="sampler killed by signal 9")
    assert "sampler killed by signal 9" in str(energy_between(curve, ns(10.0), ns(14.0)).reason)


def test_readings_that_all_fail_name_the_error() -> None:
    curve = build_curves(trace_of(sample_times(5.0), method="sampled", error=3))[0]
    assert energy_between(curve, ns(1.0), ns(2.0)).reason == "the sensor answered with error 3"
