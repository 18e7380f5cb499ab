"""A wall meter's log of the known load fixes the gain of the sensors."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.domain.calibration import LoadStep, WallGain
from llenergymeasure.metrics.calibration.wall_meter_gain import NoGainError, WallMeter, wall_gain
from tests.support.known_load import BASE_NS, IDLE_W, LOADED_W, load_power, load_steps

HOST_W, GAIN, AHEAD_S = 140.0, 1.04, 7.0
EXACT = WallMeter(meter_error=0.0, psu_efficiency=1.0)


def _steps() -> tuple[LoadStep, ...]:
    """Return the steps with what the sensor showed in them: 1/1.04 of the truth."""
    return tuple(
        step.model_copy(update={"power_w": (LOADED_W if step.loaded else IDLE_W) / GAIN})
        if step.steady
        else step
        for step in load_steps()
    )


def _log(
    *,
    ahead_s: float = AHEAD_S,
    every_s: float = 1.0,
    noise_w: float = 1.5,
    efficiency: float = 1.0,
    seed: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return times and watts of a meter that tells the mean since its last reading; the host's power drifts."""
    draw = np.random.default_rng(seed)
    t_s = np.arange(-20.0, 190.0, every_s) + draw.uniform(0, every_s)
    power = load_power(load_steps())
    device_w = np.array([(power.integral(t) - power.integral(t - every_s)) / every_s for t in t_s])
    host_w = HOST_W + 0.05 * t_s
    watts = (device_w + host_w) / efficiency + draw.normal(0, noise_w, len(t_s))
    return BASE_NS / 1e9 + t_s + ahead_s, watts


def _gain(log: tuple[np.ndarray, np.ndarray], meter: WallMeter = EXACT) -> WallGain:
    return wall_gain(_steps(), *log, meter, ["GPU 0"])


@pytest.mark.parametrize("seed", range(8))
def test_gain_and_clock_offset_are_recovered(seed: int) -> None:
    found = _gain(_log(seed=seed))
    assert found.gain.low is not None
    assert found.gain.high is not None
    assert found.gain.low <= GAIN <= found.gain.high
    assert found.gain.relative_half_width == pytest.approx(0.002, abs=0.006)
    assert found.clock_offset_s == pytest.approx(AHEAD_S, abs=0.3)
    assert found.corrects


@pytest.mark.parametrize("ahead_s", [-420.0, 0.0, 600.0])
def test_clock_may_be_minutes_off(ahead_s: float) -> None:
    found = _gain(_log(ahead_s=ahead_s, every_s=0.5))
    assert found.clock_offset_s == pytest.approx(ahead_s, abs=0.3)
    assert found.gain.value == pytest.approx(GAIN, rel=0.01)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(40):
        gain = _gain(_log(seed=seed, noise_w=8.0)).gain
        assert gain.low is not None
        assert gain.high is not None
        hits += gain.low <= GAIN <= gain.high
    assert hits >= 36


@pytest.mark.parametrize("deviation_w", [0.4, 2.0])
def test_deviation_from_a_straight_line_is_found_within_a_factor_of_two(deviation_w: float) -> None:
    found_w = []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        steps = [
            step.model_copy(update={"power_w": step.power_w + draw.normal(0, deviation_w)})
            if step.power_w is not None
            else step
            for step in _steps()
        ]
        log = _log(seed=seed, noise_w=0.5, efficiency=0.9)
        found = wall_gain(steps, *log, WallMeter(meter_error=0.0, psu_efficiency=0.9), ["GPU 0"])
        assert found.deviation_w is not None
        found_w.append(found.deviation_w)
    assert 0.5 * deviation_w < np.median(found_w) < 2 * deviation_w


def test_scatter_of_the_wall_meter_is_not_taken_for_a_deviation() -> None:
    found = [_gain(_log(seed=seed, noise_w=8.0)).deviation_w for seed in range(12)]
    assert sum(each is None for each in found) >= 9


def test_losses_of_the_power_supply_are_taken_out_where_its_efficiency_is_given() -> None:
    log = _log(efficiency=0.92)
    assert _gain(log, WallMeter(meter_error=0.01, psu_efficiency=0.92)).gain.value == pytest.approx(
        GAIN, rel=0.01
    )
    without = _gain(log, WallMeter(meter_error=0.01, psu_efficiency=None))
    assert without.gain.value == pytest.approx(GAIN / 0.92, rel=0.01)
    assert not without.corrects


def test_error_of_the_wall_meter_and_of_the_efficiency_are_in_the_interval() -> None:
    found = _gain(_log(noise_w=0.0), WallMeter(meter_error=0.02, psu_efficiency=0.94))
    assert found.gain.relative_half_width == pytest.approx(np.hypot(0.02, 0.01 / 0.94), rel=0.05)


def test_log_of_another_day_does_not_cover_the_load() -> None:
    t_s, watts = _log()
    with pytest.raises(NoGainError, match="does not cover the load within 15 minutes"):
        _gain((t_s - 86400, watts))


def test_log_that_ends_in_the_middle_does_not_cover_the_load() -> None:
    t_s, watts = _log()
    with pytest.raises(NoGainError, match="does not cover the load"):
        _gain((t_s[:100], watts[:100]))


def test_log_of_another_plug_does_not_follow_the_load() -> None:
    t_s, watts = _log()
    with pytest.raises(NoGainError, match="does not follow the load"):
        _gain((t_s, np.random.default_rng(3).normal(300, 50, len(watts))))


def test_log_of_one_reading_in_a_quarter_of_a_minute_is_too_coarse() -> None:
    with pytest.raises(NoGainError, match="log every second"):
        _gain(_log(every_s=7.0, noise_w=0.0))
