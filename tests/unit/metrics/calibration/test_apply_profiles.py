"""What a calibration found reaches the channel, and through it every energy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llenergymeasure.domain.calibration import SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.calibration.apply_profiles import apply_profiles
from llenergymeasure.metrics.energy.build import build_curves
from tests.support.synthetic import (
    constant,
    counter_j,
    energy_between,
    joules,
    ns,
    sample_times,
    trace_of,
)

MADE_NS = 1_767_225_600_000_000_000
CARD = Channel(
    meter="nvml",
    domain="gpu",
    device="GPU-1",
    label="GPU 0",
    method="counter",
    relative_error=0.05,
    note="MIG",
)


def _profile(
    psu_efficiency: float | None = 0.94, wall: bool = True, machine: str | None = None
) -> SensorProfile:
    gain = WallGain(
        gain=Estimate(value=1.04, low=1.04 * 0.985, high=1.04 * 1.015, unit="1", method="derived"),
        psu_efficiency=psu_efficiency,
        meter_error=0.01,
        clock_offset_s=0.0,
        sensors=("GPU 0",),
    )
    return SensorProfile(
        meter="nvml",
        domain="gpu",
        device="GPU-1",
        label="GPU 0",
        machine=machine,
        made_unix_ns=MADE_NS,
        tool_version="0",
        idle_power_w=90,
        loaded_power_w=430,
        counter_period_s=0.1,
        power_period_s=0.05,
        averaging_window_s=0.025,
        wall=gain if wall else None,
        load="matrix products",
        steps=(),
    )


def test_gain_that_a_wall_meter_fixed_replaces_the_stated_error() -> None:
    stated = CARD.model_copy(update={"offset_error_w": 5.0, "error_in_common": 0.8})
    (channel,) = apply_profiles([stated], [_profile()], "here")
    assert channel.offset_error_w == 5.0  # steps of power show no offset
    assert channel.error_in_common == pytest.approx(math.hypot(0.01, 0.01 / 0.94) / 0.015)
    assert (channel.gain, channel.update_period_s, channel.averaging_window_s) == (1.04, 0.1, 0.025)
    assert channel.relative_error == pytest.approx(0.015)
    assert channel.note == "MIG; calibrated 2026-01-01 against a wall meter: multiplied by 1.0400"


@pytest.mark.parametrize(
    ("stated_s", "found_s", "used_s"),
    [
        (1.0, 1.06, 1.06),  # the best box of a "mean over a second"
        (0.025, 0.114, 0.025),  # the power rose slowly
        (1.0, 0.158, 0.1),  # a mean over 100 ms taken for one over a second
        (1.0, 0.03, 0.03),  # a reading that leaves time unseen
        (0.1, 0.02, 0.02),
        (0.1, 0.097, 0.1),
        (None, 0.114, None),  # the power's rise, or the sensor's averaging
        (None, 0.03, 0.03),
        (None, 0.7, 0.7),
        (0.025, None, 0.025),
    ],
)
def test_short_window_that_was_found_is_an_upper_bound(
    stated_s: float | None, found_s: float | None, used_s: float | None
) -> None:
    profile = _profile().model_copy(
        update={"averaging_window_s": found_s, "averaging_half_width_s": 0.001, "power_period_s": 0.1}
    )
    (channel,) = apply_profiles([CARD.model_copy(update={"averaging_window_s": stated_s})], [profile], "here")
    assert channel.averaging_window_s == used_s


@pytest.mark.parametrize(("sensors", "linearity_w"), [(1, 1.2 * 0.4 * 3.0), (4, 0.6 * 0.4 * 3.0)])
def test_scatter_that_a_wall_meter_showed_replaces_the_stated_one_and_no_bend(
    sensors: int, linearity_w: float
) -> None:
    profile = _profile()
    assert profile.wall is not None
    labels = tuple(f"GPU {number}" for number in range(sensors))
    wall = profile.wall.model_copy(update={"deviation_w": 0.4, "deviation_over_s": 9.0, "sensors": labels})
    card = CARD.model_copy(update={"linearity": 0.0025, "linearity_w": 0.75})
    (channel,) = apply_profiles([card], [profile.model_copy(update={"wall": wall})], "here")
    assert (channel.linearity, channel.linearity_w) == (0.0025, pytest.approx(linearity_w))
    (unseen,) = apply_profiles([card], [profile], "here")
    assert (unseen.linearity, unseen.linearity_w) == (0.0025, 0.75)


def test_window_of_another_reading_is_not_used() -> None:
    profile = _profile().model_copy(update={"averaging_window_s": 1.06, "stated_averaging_s": 1.0})
    now_instant = CARD.model_copy(update={"averaging_window_s": 0.025})
    (channel,) = apply_profiles([now_instant], [profile], "here")
    assert channel.averaging_window_s == 0.025


def test_gain_of_a_sum_leaves_open_how_far_its_sensors_differ() -> None:
    profile = _profile()
    assert profile.wall is not None
    of_two = profile.wall.model_copy(update={"sensors": ("GPU 0", "GPU 1")})
    (channel,) = apply_profiles([CARD], [profile.model_copy(update={"wall": of_two})], "here")
    assert (channel.gain, channel.relative_error) == (1.04, pytest.approx(math.hypot(0.015, 0.05)))
    assert channel.error_in_common == pytest.approx(0.015 / math.hypot(0.015, 0.05))


def test_period_of_power_is_the_period_of_a_channel_without_a_counter() -> None:
    sampled = CARD.model_copy(update={"method": "sampled"})
    (channel,) = apply_profiles([sampled], [_profile()], "here")
    assert channel.update_period_s == 0.05


@pytest.mark.parametrize("profile", [_profile(wall=False), _profile(psu_efficiency=None)])
def test_without_a_gain_that_can_be_applied_the_stated_error_stays(profile: SensorProfile) -> None:
    (channel,) = apply_profiles([CARD], [profile], "here")
    assert (channel.gain, channel.relative_error) == (1.0, 0.05)
    assert channel.note == "MIG; calibrated 2026-01-01, its gain still unknown"


def test_other_sensors_and_sensors_of_other_machines_stay_as_they_are() -> None:
    other = CARD.model_copy(update={"device": "GPU-2"})
    assert apply_profiles([other], [_profile()], "here") == (other,)
    assert apply_profiles([CARD], [_profile(machine="elsewhere")], "here") == (CARD,)
    assert apply_profiles([CARD], [_profile(machine="here")], "here") != (CARD,)


def test_energies_are_multiplied_by_the_gain_once_and_their_doubt_with_them() -> None:
    t_s = sample_times(12.0)
    energy_j = counter_j(constant(300.0), t_s, 0.1)
    plain = build_curves(trace_of(t_s, energy_j, 300.0))[0]
    trace = trace_of(t_s, energy_j, 300.0, gain=1.04, relative_error=0.015)
    before = trace.samples.copy()
    curve = build_curves(trace)[0]
    assert joules(curve, 2.0, 9.0) == pytest.approx(1.04 * joules(plain, 2.0, 9.0))
    assert np.array_equal(trace.samples["energy_j"], before["energy_j"])
    found = energy_between(curve, ns(2.0), ns(9.0))
    assert found.energy_j == pytest.approx(1.04 * 2100.0, rel=1e-3)


def test_gain_reaches_power_readings_and_a_counter_that_wraps() -> None:
    t_s = sample_times(12.0)
    sampled = build_curves(
        trace_of(t_s, power_w=300.0 + 0.01 * (np.arange(len(t_s)) % 2), method="sampled", gain=1.04)
    )
    assert joules(sampled[0], 2.0, 9.0) == pytest.approx(1.04 * 2100.0, rel=1e-3)
    wrapping = counter_j(constant(300.0), t_s, 0.02) % 1000.0
    counter = build_curves(trace_of(t_s, wrapping, counter_range_j=1000.0, gain=1.04))
    assert joules(counter[0], 2.0, 9.0) == pytest.approx(1.04 * 2100.0, rel=1e-3)
