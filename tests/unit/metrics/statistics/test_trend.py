"""The slope test finds drift, calls noise noise, and says nothing on too few points."""

from __future__ import annotations

import random

import pytest

from llenergymeasure.metrics.statistics.trend import fit_trend


def _series(drift: float, noise: float, seed: int, n: int = 20) -> tuple[list[float], list[float]]:
    generator = random.Random(seed)
    times = [float(number) for number in range(n)]
    values = [10.0 * (1 + drift * t / (n - 1)) + generator.gauss(0, 10.0 * noise) for t in times]
    return times, values


def test_exact_line_has_its_slope_and_no_doubt() -> None:
    trend = fit_trend([0, 1, 2, 3, 4], [10, 11, 12, 13, 14])
    assert trend is not None
    assert trend.change == pytest.approx(4 / 12)
    assert trend.low == pytest.approx(trend.high)


def test_four_points_say_nothing() -> None:
    assert fit_trend([0, 1, 2, 3], [1, 2, 3, 4]) is None


def test_points_at_one_instant_or_of_zero_mean_say_nothing() -> None:
    assert fit_trend([1] * 6, [1, 2, 3, 4, 5, 6]) is None
    assert fit_trend(range(6), [-1, 1, -1, 1, -1, 1]) is None


def test_drift_beyond_the_tolerance_is_found() -> None:
    found = sum(_drifts(0.2, seed) for seed in range(200))
    assert found >= 195


def test_noise_without_drift_is_rarely_called_drift_and_mostly_flat() -> None:
    assert sum(_drifts(0.0, seed) for seed in range(200)) <= 10
    flat = [fit_trend(*_series(0.0, 0.02, seed)) for seed in range(200)]
    assert sum(trend is not None and trend.is_flat(0.05) for trend in flat) >= 180


def test_interval_covers_the_true_change_in_95_percent_of_cases() -> None:
    hits = 0
    for seed in range(1000):
        times, values = _series(0.1, 0.02, seed, n=8)
        trend = fit_trend(times, values)
        assert trend is not None
        mean = sum(values) / len(values)
        hits += trend.low <= 0.1 * 10.0 / mean <= trend.high
    assert 0.93 <= hits / 1000 <= 0.97


def _drifts(drift: float, seed: int) -> bool:
    trend = fit_trend(*_series(drift, 0.02, seed))
    assert trend is not None
    return trend.is_drift(0.05)
