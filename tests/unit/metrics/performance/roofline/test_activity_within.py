"""Which readings of a card's activity belong to an interval, and what they amount to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import sample_dtype
from llenergymeasure.metrics.performance.roofline.activity import activity_within

S = 10**9


def trace(*readings: tuple[float, float | None]) -> NDArray[Any]:
    """Return samples at seconds, each with its SM activity or none; memory is half as busy."""
    rows = [
        Sample(channel=0, t_unix_ns=round(at_s * S), energy_j=1.0)
        if percent is None
        else Sample(
            channel=0, t_unix_ns=round(at_s * S), sm_activity_pct=percent, dram_activity_pct=percent / 2
        )
        for at_s, percent in readings
    ]
    return np.array([tuple(row) for row in rows], dtype=sample_dtype())


def within(samples: NDArray[Any], *intervals_s: tuple[float, float]) -> Any:
    starts, ends = np.array(intervals_s).T * S
    return activity_within(samples, starts.astype(np.int64), ends.astype(np.int64))


def test_a_reading_that_covers_time_outside_is_left_out() -> None:
    samples = trace((0.0, 5.0), (0.5, 10.0), (0.7, None), (1.0, 20.0), (1.5, 30.0), (2.0, 40.0), (2.5, 50.0))
    readings = within(samples, (0.5, 1.2), (1.4, 2.1))
    assert readings.percent["sm_activity_pct"].tolist() == [20.0, 40.0]
    assert readings.mean_pct("sm_activity_pct") == 30.0
    assert readings.mean_pct("dram_activity_pct") == 15.0


def test_the_mean_weighs_each_reading_by_its_time() -> None:
    samples = trace((0.0, 0.0), (1.0, 100.0), (4.0, 20.0))
    assert within(samples, (0.0, 4.0)).mean_pct("sm_activity_pct") == pytest.approx(40.0)


def test_what_no_reading_says_is_unknown() -> None:
    samples = trace((0.0, 5.0), (1.0, 10.0))
    assert within(samples, (0.0, 1.0)).mean_pct("tensor_activity_pct") is None
    assert within(samples, (0.2, 1.0)).mean_pct("sm_activity_pct") is None
    assert within(trace((0.0, None)), (0.0, 1.0)).mean_pct("sm_activity_pct") is None
