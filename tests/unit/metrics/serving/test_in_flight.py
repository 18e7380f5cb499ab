"""Requests in flight: from due to closed, averaged over time."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.serving.in_flight import counts_in, mean_in_flight
from tests.support.requests import request, unix_ns


def test_the_mean_is_over_time_and_not_over_requests() -> None:
    table = RequestTable.from_records(
        [
            request("a", scheduled_s=0.0, token_s=(4.0,)),
            request("b", scheduled_s=1.0, token_s=(2.0,)),
            request("c", scheduled_s=3.5, token_s=(9.0,)),
        ]
    )
    edges = np.array([unix_ns(each) for each in (0.0, 2.0, 4.0, 10.0)])
    assert mean_in_flight(table, edges).tolist() == pytest.approx([1.5, 1.25, 5 / 6])


def test_nothing_is_in_flight_without_requests() -> None:
    edges = np.array([unix_ns(0.0), unix_ns(1.0)])
    assert mean_in_flight(RequestTable.empty(), edges).tolist() == [0.0]


def test_a_moment_at_an_edge_belongs_to_the_bin_before() -> None:
    times = np.array([unix_ns(each) for each in (0.0, 1.0, 1.5, 2.0)])
    assert counts_in(times, np.array([unix_ns(0.0), unix_ns(1.0), unix_ns(2.0)])).tolist() == [1, 2]
