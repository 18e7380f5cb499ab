"""The knee of a curve over several loads."""

from __future__ import annotations

import pytest

from llenergymeasure.metrics.serving.knee import HIGHER, find_knee


def test_an_open_loop_has_its_knee_at_its_capacity() -> None:
    knee = find_knee([2.0, 4.0, 8.0], [[2.0, 2.1], [4.0, 3.9], [5.9, 6.1]], is_open=True)
    assert knee.load is not None
    assert (knee.load.value, knee.load.unit) == (pytest.approx(6.0), "requests/s")
    assert knee.load.low is not None
    assert knee.load.low < 5.9


def test_a_closed_loop_has_it_where_the_lines_of_light_load_and_of_the_maximum_cross() -> None:
    """One client gets 0.5 requests per second, and never more than 4 are served: the knee is at 8 clients."""
    knee = find_knee([1.0, 4.0, 16.0, 32.0], [[0.5], [1.9], [3.8], [4.0]], is_open=False)
    assert knee.load is not None
    assert (knee.load.value, knee.load.unit) == (pytest.approx(8.0), "requests in flight")
    assert knee.load.low is None


def test_throughput_that_still_grows_has_no_knee_yet() -> None:
    assert find_knee([1.0, 2.0, 4.0], [[1.0], [2.0], [3.95]], is_open=True).reason == HIGHER
    assert find_knee([1.0, 2.0, 4.0], [[0.5], [1.0], [1.9]], is_open=False).reason == HIGHER


def test_throughput_that_falls_again_has_passed_its_knee() -> None:
    assert find_knee([1.0, 8.0, 64.0], [[0.5], [4.0], [3.0]], is_open=False).load is not None


def test_the_order_of_the_loads_does_not_matter() -> None:
    ordered = find_knee([2.0, 4.0, 8.0], [[2.0], [4.0], [6.0]], is_open=True)
    assert find_knee([8.0, 2.0, 4.0], [[6.0], [2.0], [4.0]], is_open=True) == ordered


@pytest.mark.parametrize(
    ("loads", "throughputs", "reason"),
    [
        ([4.0], [[4.0]], "a knee needs several loads"),
        ([2.0, 4.0], [[2.0], []], "a load has no complete window"),
        ([2.0, 4.0], [[0.0], [0.0]], "no request was answered"),
    ],
)
def test_why_there_is_no_knee(loads: list[float], throughputs: list[list[float]], reason: str) -> None:
    found = find_knee(loads, throughputs, is_open=True)
    assert (found.load, found.reason) == (None, reason)
