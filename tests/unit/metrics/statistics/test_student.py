"""Intervals of repeated measurements agree with published tables and cover the truth as often as they say."""

from __future__ import annotations

import random

import pytest

from llenergymeasure.metrics.statistics.estimates import mean_estimate, ratio_estimate
from llenergymeasure.metrics.statistics.student import mean_half_width, relative_half_width, student_t


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042)]
)
def test_student_t_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_t(degrees) == pytest.approx(quantile, abs=5e-4)


def test_one_value_has_no_interval() -> None:
    assert mean_half_width([3.0]) is None
    estimate = mean_estimate([3.0], unit="J", method="counter")
    assert estimate is not None
    assert (estimate.low, estimate.reason) == (None, "a single repeat has no spread")


def test_equal_values_have_an_interval_of_zero_width() -> None:
    assert mean_half_width([2.0, 2.0, 2.0]) == 0.0


def test_relative_width_of_a_zero_mean_is_unknown() -> None:
    assert relative_half_width([-1.0, 1.0]) is None


def test_interval_of_the_mean_covers_the_truth_in_95_percent_of_cases() -> None:
    generator = random.Random(7)
    hits = 0
    for _ in range(2000):
        values = [generator.gauss(10.0, 1.0) for _ in range(4)]
        half = mean_half_width(values)
        assert half is not None
        hits += abs(sum(values) / 4 - 10.0) <= half
    assert 0.93 <= hits / 2000 <= 0.97


def test_ratio_is_the_ratio_of_sums_not_the_mean_of_ratios() -> None:
    estimate = ratio_estimate([10.0, 30.0], [10.0, 10.0], unit="J/token", method="counter")
    assert estimate is not None
    assert estimate.value == 2.0


def test_ratio_by_nothing_is_unknown() -> None:
    assert ratio_estimate([10.0], [0.0], unit="J/token", method="counter") is None
    assert ratio_estimate([], [], unit="J/token", method="counter") is None


def test_what_the_spread_cannot_show_widens_the_interval_in_quadrature() -> None:
    estimate = ratio_estimate([9.0, 10.0, 11.0], [1.0] * 3, unit="J", method="counter", fixed_half_width=3.0)
    spread = mean_half_width([9.0, 10.0, 11.0])
    assert estimate is not None
    assert spread is not None
    assert estimate.half_width == pytest.approx((spread**2 + 9.0) ** 0.5)
