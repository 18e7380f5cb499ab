"""The integral of a simulated signal is the area under it."""

from __future__ import annotations

import pytest

from tests.simulators.signals import Constant, Signal, Square, Steps, bursts

SIGNALS: list[Signal] = [
    Constant(250.0),
    Square(low=80.0, high=420.0, period_s=0.7, duty=0.4, phase_s=0.13),
    bursts(60.0, [(0.3, 0.4, 400.0), (1.1, 0.05, 650.0)]),
]


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_integral_is_the_sum_of_thin_slices(signal: Signal) -> None:
    width = 1e-4
    slices = sum(signal.at((index + 0.5) * width) * width for index in range(20_000))
    assert signal.integral(2.0) == pytest.approx(slices, rel=1e-3)


def test_a_square_wave_is_exact_over_whole_periods() -> None:
    wave = Square(low=80.0, high=420.0, period_s=0.7, phase_s=0.2)
    assert wave.integral(7.3) - wave.integral(0.3) == pytest.approx(250.0 * 7.0)


def test_signals_reach_back_before_the_origin() -> None:
    assert Steps(60.0, [(1.0, 300.0)]).integral(-1.0) == -60.0
    assert Square(low=0.0, high=100.0, period_s=1.0).integral(-2.0) == pytest.approx(-100.0)


def test_steps_that_go_back_in_time_are_refused() -> None:
    with pytest.raises(ValueError, match="forward in time"):
        Steps(0.0, [(2.0, 1.0), (1.0, 1.0)])
