"""Fractions with Wilson's interval, of events that may depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.proportions import dependence, fraction_estimate, wilson_interval

RUNS = 300


def test_wilsons_interval_is_the_published_one() -> None:
    """81 of 263: 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 17, 1998, table I, method 3)."""
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_events_that_are_all_true_have_an_upper_end_of_one() -> None:
    found = fraction_estimate([np.ones(100, dtype=bool)], "of the requests")
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.9630, abs=1e-4)


def test_without_events_there_is_no_fraction() -> None:
    assert fraction_estimate([], "of the requests") is None
    assert fraction_estimate([np.zeros(0, dtype=bool)], "of the requests") is None


def _correlated(rng: np.random.Generator, count: int, stay: float) -> NDArray[np.bool_]:
    """Return events, half of them true, that keep the value of their neighbour with this probability."""
    turns = rng.random(count) > stay
    return np.asarray((rng.integers(2) + np.cumsum(turns)) % 2, dtype=bool)


@pytest.mark.parametrize(("stay", "least"), [(0.5, 0.93), (0.9, 0.90)])
def test_the_interval_covers_the_truth_though_neighbours_depend_on_each_other(
    stay: float, least: float
) -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(RUNS):
        found = fraction_estimate([_correlated(rng, 300, stay) for _ in range(3)], "of the requests")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0.5 <= found.high
    assert inside / RUNS >= least


def test_independent_events_count_as_nearly_what_they_are() -> None:
    rng = np.random.default_rng(2)
    effects = [dependence([rng.random(300) < 0.9 for _ in range(3)]) for _ in range(100)]
    assert np.mean(effects) < 1.05
