"""What the system keeps from a thread: waiting for others is told apart from the stops of a quota."""

from __future__ import annotations

import os

import pytest

from llenergymeasure.harness.hold_ups import _per_processor, _waiting_fraction


@pytest.mark.parametrize(
    ("ran_s", "waited_s", "throttled_s", "fraction"),
    [(8.0, 2.0, 0.0, 0.2), (4.0, 5.5, 2.5, 3 / 7), (4.0, 2.5, 2.5, 0.0), (0.1, 5.0, 5.0, 0.0)],
)
def test_a_thread_waits_for_others_or_for_its_quota(ran_s, waited_s, throttled_s, fraction):
    before, after = {1: (1.0, 1.0)}, {1: (1.0 + ran_s, 1.0 + waited_s)}
    assert _waiting_fraction(before, after, 10.0, throttled_s) == pytest.approx(fraction)


def test_the_stops_of_a_quota_are_added_up_over_the_processors():
    assert _per_processor((10, 5, 20.0)) == 20.0 / (os.cpu_count() or 1)
    assert _per_processor(None) == 0.0


def test_no_thread_is_no_answer():
    assert _waiting_fraction({}, {}, 10.0, 0.0) is None
