"""How many values a percentile needs, and which of them bound it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from llenergymeasure.metrics.statistics.order_statistics import (
    quantile,
    rank_fractions,
    values_needed,
    values_needed_in_each,
)


def test_a_percentile_needs_so_many_values_that_not_all_lie_on_one_side() -> None:
    assert [values_needed(each) for each in (0.5, 0.9, 0.95, 0.99)] == [6, 36, 72, 368]
    for fraction in (0.5, 0.9, 0.95, 0.99):
        assert fraction ** values_needed(fraction) <= 0.025 < fraction ** (values_needed(fraction) - 1)


@pytest.mark.parametrize(("fraction", "n"), [(0.5, 6), (0.9, 36), (0.95, 300), (0.99, 368), (0.99, 5000)])
def test_the_ranks_are_those_of_the_binomial_distribution(fraction: float, n: int) -> None:
    low, high = rank_fractions(fraction, n)
    first, last = math.floor(low * n + 1e-9), math.ceil(high * n - 1e-9)
    assert binom.sf(first - 1, n, fraction) >= 0.975 > binom.sf(first, n, fraction)
    assert binom.cdf(last - 1, n, fraction) >= 0.975 > binom.cdf(last - 2, n, fraction)
    assert last <= n


def test_fewer_independent_values_have_a_wider_interval() -> None:
    wide, narrow = rank_fractions(0.9, 50.5), rank_fractions(0.9, 400)
    assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.95, 0.99])
def test_the_quantile_is_the_median_unbiased_one(fraction: float) -> None:
    values = np.sort(np.random.default_rng(0).gamma(2, 1, 101))
    assert quantile(values, fraction) == pytest.approx(
        np.quantile(values, fraction, method="median_unbiased")
    )


def test_a_window_needs_so_many_values_that_the_quantile_lies_between_two() -> None:
    for fraction in (0.5, 0.9, 0.95, 0.99):
        n = values_needed_in_each(fraction)
        assert fraction * (n + 1 / 3) + 1 / 3 <= n + 1e-9
        assert fraction * (n - 1 + 1 / 3) + 1 / 3 > n - 1


def test_a_quantile_beside_an_infinite_value_is_infinite_only_if_it_is_touched() -> None:
    values = np.array([1.0, 2.0, 3.0, np.inf])
    assert quantile(values, 0.5) == 2.5
    assert quantile(values, 0.99) == np.inf
