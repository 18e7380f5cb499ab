"""Percentiles of several windows with intervals that hold for dependent values, or the reason why there are none."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.distributions import Described, Values, describe
from llenergymeasure.metrics.statistics.student import mean_half_width


def _values(value: NDArray[np.float64], group_size: int = 1) -> Values:
    return Values(value=value, group=np.arange(len(value)) // group_size)


def _windows(count: int, n: int, *, group_size: int = 1, seed: int = 0) -> list[Values]:
    rng = np.random.default_rng(seed)
    drawn = [np.repeat(rng.gamma(3, 1, n // group_size), group_size) for _ in range(count)]
    return [_values(each, group_size) for each in drawn]


def _described(windows: list[Values]) -> Described:
    return describe(windows, unit="s", things="requests", groups="batches")


def test_mean_and_percentiles_are_means_of_those_of_the_windows() -> None:
    windows = _windows(3, 200)
    found = _described(windows).statistics
    for name, fraction in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        own = [np.quantile(each.value, fraction, method="median_unbiased") for each in windows]
        assert found[name].value == pytest.approx(np.mean(own))
    assert found["mean"].value == pytest.approx(np.mean([each.value.mean() for each in windows]))


def test_an_interval_is_at_least_students_over_the_windows() -> None:
    windows = [_values(each.value * (1 + 0.3 * number)) for number, each in enumerate(_windows(3, 200))]
    estimate = _described(windows).statistics["p90"]
    own = [np.quantile(each.value, 0.9, method="median_unbiased") for each in windows]
    assert estimate.half_width == pytest.approx(mean_half_width(own))


def test_windows_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    (window,) = _windows(1, 200)
    estimate = _described([window, window, window]).statistics["p90"]
    low, high = np.quantile(window.value, [0.88, 0.92])
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < low < high < estimate.high


def test_a_percentile_of_too_few_requests_is_unknown_with_their_number() -> None:
    found = _described(_windows(3, 10))
    assert set(found.statistics) == {"mean", "p50", "max"}
    assert (
        found.unknown["p99"]
        == "p99 needs at least 368 requests, 67 of them in each window; there are 30, 10 in the shortest window"
    )


def test_requests_of_one_batch_that_share_their_times_count_once() -> None:
    found = _described(_windows(3, 200, group_size=8))
    assert found.unknown["p99"] == (
        "p99 needs at least 368 requests, 67 of them in each window, that do not depend on each other; "
        "the 600 came in 75 batches, 25 in the shortest window"
    )
    assert "p90" in found.statistics
    assert set(_described(_windows(3, 200)).statistics) == {"mean", "p50", "p90", "p95", "p99", "max"}


def test_requests_of_a_batch_that_do_not_share_their_times_count_each() -> None:
    values = _windows(3, 400)
    alone = _described(values).statistics["p99"]
    grouped = _described([_values(each.value, 4) for each in values]).statistics["p99"]
    assert grouped.value == alone.value
    assert grouped.half_width == pytest.approx(alone.half_width, rel=0.3)


def test_a_single_batch_in_each_window_is_compared_with_those_of_the_others() -> None:
    found = _described([_values(np.full(40, value), 40) for value in (1.0, 1.1, 1.2)])
    assert set(found.statistics) == {"mean", "max"}
    assert "count as" in found.unknown["p50"]


def _in_time(values: NDArray[np.float64]) -> Values:
    return Values(value=values, group=np.arange(len(values)), in_order_of_time=True)


def test_requests_that_waited_in_one_queue_count_less() -> None:
    rng = np.random.default_rng(3)
    slow = [np.repeat(rng.gamma(2, 1, 20), 20) + rng.gamma(2, 0.1, 400) for _ in range(3)]
    found = _described([_in_time(each) for each in slow])
    assert "waited for each other and count as" in found.unknown["p99"]
    wide, narrow = (
        describe(each, unit="s", things="r").statistics["p90"] for each in _both_orders(slow, rng)
    )
    assert (wide.half_width or 0) >= (narrow.half_width or 0)


def _both_orders(
    windows: list[NDArray[np.float64]], rng: np.random.Generator
) -> tuple[list[Values], list[Values]]:
    return [_in_time(each) for each in windows], [_in_time(rng.permutation(each)) for each in windows]


def test_a_queue_that_only_fills_up_is_the_same_in_every_window_and_counts_whole() -> None:
    rng = np.random.default_rng(4)
    filling = [_in_time(np.arange(400) * 0.01 + rng.gamma(2, 0.1, 400)) for _ in range(3)]
    assert set(_described(filling).statistics) == {"mean", "p50", "p90", "p95", "p99", "max"}


def test_no_interval_of_a_time_reaches_below_0() -> None:
    windows = [
        _values(each.value * scale) for each, scale in zip(_windows(3, 400), (0.1, 1.0, 9.0), strict=True)
    ]
    found = _described(windows).statistics
    assert {name: each.low for name, each in found.items() if name != "max"} == dict.fromkeys(
        ("mean", "p50", "p90", "p95", "p99"), 0.0
    )


def test_one_window_has_no_interval() -> None:
    for estimate in _described(_windows(1, 500)).statistics.values():
        assert estimate.low is None
        assert estimate.reason


def test_the_largest_value_has_no_interval_and_says_why() -> None:
    windows = _windows(3, 50)
    largest = _described(windows).statistics["max"]
    assert largest.value == max(each.value.max() for each in windows)
    assert largest.low is None
    assert largest.reason == "the largest that was observed: a sample does not bound the maximum"


def test_infinite_values_make_unknown_only_what_falls_among_them() -> None:
    windows = [_values(np.append(each.value, np.full(15, np.inf))) for each in _windows(3, 185)]
    found = _described(windows)
    assert set(found.statistics) == {"p50", "p90"}
    assert found.statistics["p50"].high is not None
    assert found.unknown["p95"] == "p95 falls among the failed requests, which are infinitely late"
    assert found.unknown["mean"] == found.unknown["max"] == "failed requests are infinitely late"


def test_an_upper_end_among_the_infinite_values_is_no_interval() -> None:
    windows = [_values(np.append(each.value, np.full(18, np.inf))) for each in _windows(3, 182)]
    estimate = _described(windows).statistics["p90"]
    assert estimate.low is None
    assert "failed requests" in str(estimate.reason)


def test_no_values_have_no_statistics_and_an_empty_window_no_mean() -> None:
    nothing = _values(np.empty(0))
    assert _described([nothing]).statistics == {}
    assert _described([]).unknown["p50"] == "there are no requests"
    found = _described([*_windows(3, 100), nothing])
    assert set(found.statistics) == {"max"}
    assert found.unknown["mean"] == "a window has no requests"


def test_equal_values_have_an_interval_without_width() -> None:
    found = _described([_values(np.full(200, 0.25), 4) for _ in range(3)])
    assert {(each.low, each.high) for name, each in found.statistics.items() if name != "max"} == {
        (0.25, 0.25)
    }


def test_a_million_gaps_take_about_a_second() -> None:
    windows = _windows(3, 340_000, group_size=1)
    windows = [_values(each.value, 100) for each in windows]
    began = time.process_time()
    assert len(_described(windows).statistics) == 6
    assert time.process_time() - began < 2.0


def test_windows_weigh_as_much_as_they_have_values() -> None:
    slow, usual = np.full(4, 2.9), np.full(24, 0.5)
    windows = [Values(value=each, group=np.arange(len(each))) for each in (slow, usual, usual)]
    found = describe(windows, unit="s", things="requests").statistics["mean"]
    assert found.value == pytest.approx(np.concatenate([slow, usual, usual]).mean())
