"""What a board's readings deviate from a straight line of the true power, in the interval of an energy."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.uncertainty.meter_terms import combine_uncertainty
from tests.support.synthetic import constant, counter_j, ns, sample_times, trace_of

POWER_W = 300.0
STATED = {"linearity": 0.0025, "linearity_w": 0.75}


def account(**stated: float) -> EnergyAccount:
    t_s = sample_times(60.0)
    return EnergyAccount(trace_of(t_s, counter_j(constant(POWER_W), t_s, 0.1), **stated))


def window(start_s: float, length_s: float) -> Phase:
    return Phase(name="window", start_unix_ns=ns(start_s), end_unix_ns=ns(start_s + length_s))


@pytest.mark.parametrize(("length_s", "expected_j"), [(0.5, 0.735), (1.0, 1.47), (4.0, 2.94), (16.0, 5.88)])
def test_what_wanders_averages_out_over_more_than_a_second(length_s: float, expected_j: float) -> None:
    (found,) = account(**STATED).uncertainty(window(5.0, length_s))
    assert found.linearity_j == pytest.approx(expected_j, rel=0.01)


def test_the_larger_of_watts_and_of_the_share_counts() -> None:
    (found,) = account(linearity=0.01, linearity_w=0.75).uncertainty(window(5.0, 1.0))
    assert found.linearity_j == pytest.approx(1.96 * 0.01 * POWER_W, rel=0.01)


def test_a_bent_line_stays_the_same_in_all_windows_and_what_wanders_does_not() -> None:
    one = account(**STATED)
    parts = [each for start_s in range(5, 45, 5) for each in one.uncertainty(window(start_s, 4.0))]
    bent_j = 8 * 1.96 * 0.0025 * POWER_W * 4
    terms = combine_uncertainty(parts)
    assert terms.linearity_alike_j == pytest.approx(bent_j, rel=0.01)
    assert terms.linearity_j == pytest.approx((bent_j**2 + 8 * 2.94**2) ** 0.5, rel=0.01)
    assert terms.random_j == pytest.approx(8**0.5 * 2.94, rel=0.01)


def test_a_sensor_that_states_none_has_no_such_term() -> None:
    (found,) = account().uncertainty(window(5.0, 1.0))
    assert found.linearity_j == 0
    assert combine_uncertainty([found]).linearity_j is None
