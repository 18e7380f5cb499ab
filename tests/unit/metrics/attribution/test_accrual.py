"""What intervals accrue is shared out over time without loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.metrics.attribution.accrual import accrued

BASE_NS = 1_700_000_000_000_000_000
intervals = st.lists(
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**8), st.integers(0, 1000)), min_size=1, max_size=30
)


def columns(rows):
    start, length, amount = (np.array(each) for each in zip(*rows, strict=True))
    return BASE_NS + start, BASE_NS + start + length, amount[:, None].astype(float)


@given(intervals, st.lists(st.integers(-(10**8), 2 * 10**9), max_size=20))
def test_cells_that_adjoin_share_out_every_amount(rows, inner):
    start, end, amounts = columns(rows)
    edges = np.array(sorted([-(10**9), *inner, 3 * 10**9])) + BASE_NS
    parts = np.diff(accrued(start, end, amounts, edges), axis=0)
    assert parts.sum() == pytest.approx(amounts.sum(), rel=1e-9, abs=1e-9)
    assert (parts >= -1e-9).all()


@given(intervals, st.integers(0, 10**9))
def test_an_interval_accrues_in_proportion_to_its_time(rows, moment):
    start, end, amounts = columns([(begin, length + 1, amount) for begin, length, amount in rows])
    until = accrued(start, end, amounts, np.array([BASE_NS + moment]))
    shares = np.clip((BASE_NS + moment - start) / (end - start), 0, 1)
    assert until[0, 0] == pytest.approx(float(shares @ amounts[:, 0]), rel=1e-9, abs=1e-3)


def test_nothing_accrues_without_intervals():
    nothing = np.empty(0, dtype=np.int64)
    assert accrued(nothing, nothing, np.empty((0, 2)), np.array([1, 2])).tolist() == [[0, 0], [0, 0]]


def test_an_interval_without_a_duration_accrues_at_its_moment():
    moment = np.array([BASE_NS + 5])
    until = accrued(moment, moment, np.array([[3.0]]), BASE_NS + np.array([4, 5, 6]))
    assert until[:, 0].tolist() == [0.0, 3.0, 3.0]
