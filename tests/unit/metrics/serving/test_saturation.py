"""Over-saturation: requests in flight and time to first token both grow, beyond chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.serving.saturation import growth
from tests.support.simulated_queue import Engine, open_traffic

CAPACITY_PER_S = Engine().capacity_per_s
SEEDS = range(8)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_traffic_that_is_served_is_not_over_saturated(share: float) -> None:
    for seed in SEEDS:
        traffic = open_traffic([share * CAPACITY_PER_S], seed, window_s=15.0)
        assert not growth(traffic.requests, traffic.phases).is_over_saturated


@pytest.mark.parametrize("even", [False, True])
def test_more_than_the_capacity_is_over_saturated(even: bool) -> None:
    for seed in SEEDS:
        traffic = open_traffic([1.25 * CAPACITY_PER_S], seed, window_s=15.0, even=even)
        found = growth(traffic.requests, traffic.phases)
        assert found.is_over_saturated
        assert found.in_flight_per_s is not None
        assert found.in_flight_per_s.value == pytest.approx(0.25 * CAPACITY_PER_S, abs=2.0)


def test_without_the_times_of_tokens_the_time_of_requests_shows_it() -> None:
    traffic = open_traffic([1.3 * CAPACITY_PER_S], 1, window_s=15.0)
    nothing: dict[str, Any] = {"first_token_unix_ns": None, "last_token_unix_ns": None}
    untimed = [
        replace(each, **nothing, chunk_unix_ns=(), chunk_tokens=()) for each in traffic.requests.rows()
    ]
    assert growth(RequestTable.from_records(untimed), traffic.phases).is_over_saturated


def test_nothing_grows_without_windows() -> None:
    found = growth(RequestTable.empty(), [])
    assert (found.in_flight_per_s, found.latency, found.is_over_saturated) == (None, None, False)
