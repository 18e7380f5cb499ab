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


def _fraction(*threads: tuple[float, float], duration_s: float = 1.0) -> float | None:
    """Return the waiting of threads that ran and waited for so many seconds."""
    return _waiting_fraction({}, dict(enumerate(threads)), duration_s, 0.0)


def test_a_helper_that_waits_long_for_the_little_it_does_decides_nothing():
    main, helper = (0.808, 4.164), (0.0011, 0.0767)
    assert _fraction(main, helper, duration_s=5.0) == pytest.approx(0.837, abs=0.001)
    assert _fraction((0.16, 0.80), (0.01, 0.98)) == pytest.approx(0.833, abs=0.001)
    assert _fraction((0.95, 0.01), (0.001, 0.9)) == pytest.approx(0.0104, abs=0.001)


def test_of_threads_that_share_the_work_the_one_that_waits_holds_up_all():
    assert _fraction((0.5, 0.0), (0.5, 0.0), (0.5, 0.5)) == pytest.approx(0.5)
    assert _fraction((0.9, 0.0), (0.4, 0.4)) == pytest.approx(0.5)


def test_the_stops_of_a_quota_are_added_up_over_the_processors():
    assert _per_processor((10, 5, 20.0)) == 20.0 / (os.cpu_count() or 1)
    assert _per_processor(None) == 0.0


def test_no_thread_is_no_answer():
    assert _waiting_fraction({}, {}, 10.0, 0.0) is None
