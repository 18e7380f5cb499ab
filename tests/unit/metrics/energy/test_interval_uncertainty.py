"""What the meters leave open in a window is told from what they recorded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty
from llenergymeasure.metrics.signals.resolution import resolution
from tests.simulators.signals import Constant, Signal, Square, Steps
from tests.support.simulated_power import COUNTERS, POWER_ONLY, Sensor, read
from tests.support.synthetic import (
    energy_between,
    ns,
    sample_times,
    trace_of,
)

WINDOW = Phase(name="window", start_unix_ns=ns(2.0), end_unix_ns=ns(5.0))


def errors_of(trace: EnergyTrace, window: Phase = WINDOW) -> ChannelUncertainty:
    return EnergyAccount(trace).uncertainty(window)[0]


def errors_over(sensor: Sensor, power: Signal) -> ChannelUncertainty:
    return errors_of(read(sensor, power, 7.0, np.random.default_rng(3), relative_error=0.05))


def fast(low: float = 80.0, high: float = 420.0) -> Square:
    return Square(low=low, high=high, period_s=0.063)


def test_the_gain_is_the_channel_s_share_of_the_energy() -> None:
    assert errors_over(COUNTERS["h100 instant"], Constant(300.0)).gain_j == pytest.approx(45.0, rel=1e-3)


def test_only_power_readings_have_an_alias() -> None:
    assert errors_over(COUNTERS["a100"], fast()).alias_j == 0
    sampled = errors_over(POWER_ONLY["a100"], fast())
    assert sampled.alias_j > sampled.edges_j > 0
    assert sampled.readings == pytest.approx(30, abs=1)


def test_alias_and_edges_of_readings_are_together_what_their_curve_states() -> None:
    trace = read(POWER_ONLY["a100"], fast(), 7.0, np.random.default_rng(3))
    found = errors_of(trace)
    stated = energy_between(
        EnergyAccount(trace).curves[0], WINDOW.start_unix_ns, WINDOW.end_unix_ns
    ).random_error_j
    assert math.hypot(found.alias_j, found.edges_j) == pytest.approx(stated)


def test_power_that_changes_within_a_tick_shows_in_the_readings_and_widens_the_edges() -> None:
    steady = errors_over(COUNTERS["a100"], Constant(250.0)).edges_j
    slow = errors_over(COUNTERS["a100"], Steps(80.0, [(3.51, 420.0)])).edges_j
    gentle = errors_over(COUNTERS["a100"], fast(low=240.0, high=260.0)).edges_j
    wild = errors_over(COUNTERS["a100"], fast()).edges_j
    assert steady < 0.5
    assert slow < 2.5
    assert steady < gentle < wild / 5
    assert 7 < wild < 0.57 * math.sqrt(2) * 0.1 * 340


def test_a_short_window_has_the_edges_that_the_seconds_around_it_show() -> None:
    calm_s = Steps(
        80.0, [(at_s, 420.0 if number % 2 else 80.0) for number, at_s in enumerate(np.arange(0, 3, 0.0315))]
    )
    trace = read(COUNTERS["a100"], calm_s, 7.0, np.random.default_rng(3))
    near, far = (Phase(name="w", start_unix_ns=ns(at_s), end_unix_ns=ns(at_s + 0.5)) for at_s in (4.0, 6.0))
    within = errors_over(COUNTERS["a100"], Constant(80.0)).edges_j
    assert errors_of(trace, near).edges_j > 10 * within
    assert errors_of(trace, far).edges_j > 10 * within


def test_a_counter_without_power_beside_it_has_the_edges_of_its_ticks_alone() -> None:
    found = errors_over(COUNTERS["rapl"], fast())
    assert 0 < found.edges_j < 2.0


def test_means_over_a_second_leave_little_open_once_the_averaging_is_undone() -> None:
    work = Steps(80.0, [(2.0, 380.0), (5.0, 80.0)])
    assert errors_over(POWER_ONLY["h100 average"], work).random_j < 0.04 * 3 * 380
    assert errors_over(POWER_ONLY["h100 average"], Constant(380.0)).random_j < 0.01 * 3 * 380


def test_means_over_a_second_that_cannot_be_undone_leave_open_what_lay_before_the_window() -> None:
    trace = read(
        POWER_ONLY["h100 average"], Steps(80.0, [(2.0, 380.0), (5.0, 80.0)]), 7.0, np.random.default_rng(3)
    )
    trace.samples["power_w"] = np.round(trace.samples["power_w"] / 20) * 20  # so coarse that no beat shows
    assert errors_of(trace).edges_j > (380 - 80) / 2


def test_a_channel_that_is_not_known_has_no_errors_and_one_that_is_not_counted_neither() -> None:
    t_s = sample_times(7.0)
    assert EnergyAccount(trace_of(t_s, 5000.0)).uncertainty(WINDOW) == ()
    assert EnergyAccount(trace_of(t_s, 300 * t_s, included_in_total=False)).uncertainty(WINDOW) == ()


def test_a_model_s_values_have_no_steps() -> None:
    t_s = sample_times(7.0, period_s=0.1)
    trace = trace_of(t_s, 40 * t_s, method="estimated", update_period_s=0.0, relative_error=0.5)
    found = errors_of(trace)
    assert found.resolution_j == 0
    assert found.gain_j == pytest.approx(60.0)


@pytest.mark.parametrize("step", [1e-6, 61e-6, 1e-3, 0.5])
def test_the_step_of_readings_is_their_common_divisor(step: float) -> None:
    counts = np.random.default_rng(1).integers(3000, 9000, 100).cumsum()
    assert resolution(5000.0 + counts * step) == pytest.approx(step)


def test_readings_that_hardly_vary_are_taken_to_have_the_usual_step() -> None:
    assert resolution(np.full(100, 312.5)) == 1e-3
    assert resolution(np.arange(100) * 6.0) == 1e-3
    assert resolution(np.array([np.nan, np.nan])) == 1e-3


def test_power_cut_off_to_a_step_may_be_wrong_by_half_of_it_all_the_time() -> None:
    assert errors_over(POWER_ONLY["v100"], Constant(250.0)).resolution_j == pytest.approx(3.0 * 0.0005)
