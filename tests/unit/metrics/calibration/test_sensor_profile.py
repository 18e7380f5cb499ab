"""Sensors are known again from what they make of a known load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llenergymeasure.domain.calibration import SensorProfile
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.calibration.sensor_profile import calibrate_sensors
from tests.simulators.nvml.machine import EnergyCounter, PowerSensor, SimulatedGpu
from tests.simulators.nvml.profiles import a100, gh200, h100, rtx3090, rtx4090, stalls_after, v100
from tests.simulators.signals import Constant, deviating
from tests.support.known_load import (
    IDLE_W,
    LOADED_W,
    STAMP,
    boosting_power,
    calibrated,
    load_power,
    load_steps,
    load_trace,
)

NOISE_W, POWER_GAIN, COUNTER_GAIN = 2.0, 1.03, 0.98


def h100_average(**fields: Any) -> SimulatedGpu:
    """An H100 whose driver tells the mean over a second alone."""
    return h100(**{**fields, "instant": None})


def rtx3090_average(**fields: Any) -> SimulatedGpu:
    """An RTX 3090 by its usual reading, with all that the real one has: elevenths, a stall, jitter, a slow wander."""
    power = load_power(load_steps())
    usual = rtx3090().usage
    assert usual is not None
    usual = replace(
        usual, jitter_s=0.002, phase_s=0.031, slow=stalls_after(power, below_w=150.0, until_s=200.0)
    )
    seen = deviating(power, until_s=200.0, seed=3, wander=0.003)
    return rtx3090(**{"usage": usual, "instant": None, "seen_power": seen, **fields})


CARDS = (
    (v100, 0.02, 0.02, 0.01),
    (a100, 0.1, 0.1, 0.025),
    (h100, 0.02, 0.1, 0.025),
    (h100_average, 0.02, 0.1, 1.0),
    (gh200, 0.1, 0.1, 0.025),
    (rtx3090_average, 0.1, 0.1, 1.07),
    (rtx4090, 0.1, 0.1, 0.1),
)


@pytest.fixture(scope="module", params=CARDS, ids=lambda card: card[0].__name__)
def card(request: pytest.FixtureRequest) -> tuple[SensorProfile, tuple[float, float, float]]:
    make, *truth = request.param
    counter = EnergyCounter(period_s=truth[0], phase_s=0.0073, gain=COUNTER_GAIN)
    (profile,) = calibrated(make, noise_w=NOISE_W, gain=POWER_GAIN, counter=counter).profiles
    return profile, tuple(truth)


def test_periods_are_found_within_a_twentieth(card: Any) -> None:
    profile, (counter_s, power_s, _) = card
    assert profile.counter_period_s == pytest.approx(counter_s, rel=0.05)
    assert profile.power_period_s == pytest.approx(power_s, rel=0.05)


def test_averaging_window_is_found_within_a_fiftieth(card: Any) -> None:
    profile, (_, _, window_s) = card
    assert profile.averaging_window_s == pytest.approx(window_s, rel=0.02)
    assert profile.averaging_half_width_s < 0.03 * window_s
    assert profile.response_delay_s == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(("make", "window_s"), [(a100, 0.025), (h100_average, 1.0)])
def test_interval_of_the_averaging_window_contains_it(
    make: Callable[..., SimulatedGpu], window_s: float
) -> None:
    found = []
    for seed in range(10):
        (profile,) = calibrated(make, noise_w=NOISE_W, noise_seed=seed, seed=seed, counter=None).profiles
        assert profile.averaging_window_s is not None
        assert profile.averaging_half_width_s is not None
        found.append(abs(profile.averaging_window_s - window_s) <= profile.averaging_half_width_s)
    assert sum(found) >= 8


@pytest.mark.parametrize(
    ("make", "lowest_s", "highest_s"),
    [(a100, 0.025, 0.3), (rtx4090, 0.1, 0.3), (h100_average, 0.98, 1.02), (rtx3090_average, 1.05, 1.09)],
)
def test_power_that_rises_slowly_makes_short_windows_look_longer_and_no_long_one(
    make: Callable[..., SimulatedGpu], lowest_s: float, highest_s: float
) -> None:
    power = boosting_power(load_steps())
    (profile,) = calibrated(make, noise_w=NOISE_W, power=power, seen_power=power).profiles
    assert profile.averaging_window_s is not None
    assert lowest_s < profile.averaging_window_s < highest_s


@pytest.mark.parametrize("seed", range(3))
def test_stall_is_found_with_its_length_and_beginning(seed: int) -> None:
    (profile,) = calibrated(rtx3090_average, noise_w=NOISE_W, seed=seed).profiles
    assert profile.publishing_stall_s == pytest.approx(1.0, abs=0.05)
    assert profile.stall_begins_s == pytest.approx(2.0, abs=0.1)


def test_sensor_that_never_stalls_says_how_long_its_readings_stay() -> None:
    (profile,) = calibrated(rtx4090, noise_w=NOISE_W).profiles
    assert profile.publishing_stall_s == pytest.approx(0.1, abs=0.05)
    assert profile.stall_begins_s is None


def test_noise_is_found_within_a_fifth(card: Any) -> None:
    assert card[0].power_noise_w == pytest.approx(NOISE_W, rel=0.2)


def test_counter_over_power_lies_in_its_interval_and_the_interval_is_narrow(card: Any) -> None:
    ratio = card[0].counter_over_power
    assert ratio.low <= COUNTER_GAIN / POWER_GAIN <= ratio.high
    assert ratio.half_width < 0.01


def test_profile_says_what_was_read_with_and_without_load(card: Any) -> None:
    assert card[0].idle_power_w == pytest.approx(COUNTER_GAIN * IDLE_W, rel=0.01)
    assert card[0].loaded_power_w == pytest.approx(COUNTER_GAIN * LOADED_W, rel=0.01)
    assert card[0].unknown == {}


@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize(("make", "window_s"), [(v100, 0.01), (a100, 0.025), (h100_average, 1.0)])
def test_window_is_found_whatever_the_phase(
    make: Callable[..., SimulatedGpu], window_s: float, seed: int
) -> None:
    sensor = make().instant or make().usage
    assert sensor is not None
    moved = PowerSensor(window_s=sensor.window_s, period_s=sensor.period_s, phase_s=0.0171 * seed)
    (profile,) = calibrated(make, noise_w=NOISE_W, usage=moved, instant=None, seed=seed).profiles
    assert profile.averaging_window_s == pytest.approx(window_s, rel=0.15)


def test_profile_says_what_the_meter_stated() -> None:
    trace = load_trace(a100, noise_w=NOISE_W)
    stated = trace.channels[0].model_copy(update={"averaging_window_s": 0.025})
    found = calibrate_sensors(
        EnergyTrace(channels=(stated,), samples=trace.samples), load_steps(), STAMP
    ).profiles
    assert [profile.stated_averaging_s for profile in found] == [0.025]


def test_card_without_a_counter_has_the_rest_and_says_why() -> None:
    (profile,) = calibrated(a100, noise_w=NOISE_W, counter=None).profiles
    assert (profile.counter_period_s, profile.counter_over_power) == (None, None)
    assert set(profile.unknown) == {"counter_period_s", "counter_over_power"}
    assert profile.averaging_window_s == pytest.approx(0.025, rel=0.15)


def test_card_without_power_has_its_counter_period_alone() -> None:
    (profile,) = calibrated(a100, usage=None).profiles
    assert profile.counter_period_s == pytest.approx(0.1, rel=0.05)
    assert set(profile.unknown) == {
        "power_period_s",
        "averaging_window_s",
        "publishing_stall_s",
        "power_noise_w",
        "counter_over_power",
    }


def test_noise_of_readings_that_never_change_is_not_called_zero() -> None:
    (profile,) = calibrated(a100).profiles
    assert profile.power_noise_w is None
    assert "hardly ever changed" in profile.unknown["power_noise_w"]
    assert profile.publishing_stall_s is None
    assert "publishing_stall_s" in profile.unknown


def test_sensor_that_did_not_see_the_load_gets_no_profile() -> None:
    trace = load_trace(lambda **fields: h100(**{**fields, "power": Constant(250.0)}), noise_w=NOISE_W)
    found = calibrate_sensors(trace, load_steps(), STAMP)
    assert found.profiles == ()
    assert found.refused == {"GPU 0": "it showed 250.0 W without load and 250.0 W under it"}


def test_one_sensor_that_saw_the_load_is_enough_and_the_sum_is_of_those_that_did() -> None:
    saw, idle = load_trace(h100), load_trace(lambda **fields: h100(**{**fields, "power": Constant(250.0)}))
    second = idle.samples.copy()
    second["channel"] = 1
    other = idle.channels[0].model_copy(update={"label": "GPU 1", "device": "GPU-1"})
    samples = np.concatenate([saw.samples, second])
    both = EnergyTrace(
        channels=(*saw.channels, other), samples=samples[np.argsort(samples["t_unix_ns"], kind="stable")]
    )
    found = calibrate_sensors(both, load_steps(), STAMP)
    assert [profile.label for profile in found.profiles] == ["GPU 0"]
    assert set(found.refused) == {"GPU 1"}
    steady = [step.power_w for step in found.profiles[0].steps if step.steady]
    assert steady == pytest.approx([IDLE_W, LOADED_W] * 5, rel=0.01)


def test_trace_that_ends_early_gives_no_profile_but_the_reason() -> None:
    trace = load_trace(h100)
    short = EnergyTrace(channels=trace.channels, samples=trace.samples[: len(trace.samples) // 2])
    found = calibrate_sensors(short, load_steps(), STAMP)
    assert "it was not read after" in found.refused["GPU 0"]
