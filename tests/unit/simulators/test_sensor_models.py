"""The simulated sensors have the faults of real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.simulators.nvml import sensors
from tests.simulators.nvml.machine import EnergyCounter, PowerSensor, SimulatedGpu, Slow
from tests.simulators.nvml.profiles import rtx3090, rtx4090, stalls_after
from tests.simulators.signals import Constant, Square, Steps, changes, deviating, family_gains
from tests.support.simulated_power import prefilled

LOAD = Steps(125.0, [(2.03, 415.0), (7.41, 126.0)])


def readings_w(gpu: SimulatedGpu, sensor: PowerSensor, times_s: np.ndarray) -> np.ndarray:
    return np.array([sensors.power_mw(gpu, sensor, at_s) / 1e3 for at_s in times_s])


def usage(gpu: SimulatedGpu) -> PowerSensor:
    assert gpu.usage is not None
    return gpu.usage


def test_the_mean_over_a_second_is_best_taken_for_a_box_of_1_08_s() -> None:
    draw = np.random.default_rng(1)
    power = Steps(
        100.0, [(at, float(draw.uniform(100, 400))) for at in np.cumsum(draw.uniform(0.05, 1, 200))]
    )
    gpu = rtx3090(power=power)
    t_s = np.arange(3.0, 60.0, 0.1)
    shown_w = readings_w(gpu, usage(gpu), t_s)
    boxes_s = np.arange(0.9, 1.3, 0.02)
    misfit = [
        np.std([(power.integral(t) - power.integral(t - box_s)) / box_s for t in t_s] - shown_w)
        for box_s in boxes_s
    ]
    assert boxes_s[int(np.argmin(misfit))] == pytest.approx(1.08, abs=0.03)
    assert usage(gpu).box_s == pytest.approx(1.08, abs=0.01)


def test_a_stall_begins_after_the_load_and_ends_with_the_next() -> None:
    power = Steps(300.0, [(3.0, 90.0), (9.0, 300.0), (10.0, 90.0), (11.0, 300.0), (12.0, 90.0)])
    assert stalls_after(power, below_w=150.0, until_s=20.0) == (
        Slow(start_s=5.0, end_s=9.0),
        Slow(start_s=14.0, end_s=20.0),
    )


def test_a_stalled_sensor_shows_a_reading_for_a_second_that_it_had_published_in_order() -> None:
    stalls = stalls_after(LOAD, below_w=150.0, until_s=20.0)
    gpu = rtx3090(power=LOAD, noise_w=1.0)
    stalled = replace(usage(gpu), slow=stalls, phase_s=0.037)
    t_s = np.arange(2.5, 20.0, 0.01)
    changed_s = t_s[1:][np.diff(readings_w(gpu, stalled, t_s)) != 0]
    assert np.diff(changed_s[changed_s < stalls[-1].start_s]).max() < 0.12
    assert np.diff(changed_s[changed_s > stalls[-1].start_s]) == pytest.approx(1.0, abs=0.02)


def test_the_slow_reading_is_the_one_that_the_quick_sensor_shows_then() -> None:
    quick = PowerSensor(window_s=0.1, period_s=0.1)
    gpu = rtx4090(power=Square(low=90.0, high=400.0, period_s=0.77), noise_w=1.0)
    slow = replace(quick, slow=(Slow(start_s=1.0, end_s=9.0, period_s=0.5),))
    for at_s in (1.501, 2.001, 5.501):
        assert sensors.power_mw(gpu, slow, at_s) == sensors.power_mw(gpu, quick, at_s)
        assert sensors.power_mw(gpu, slow, at_s + 0.4) == sensors.power_mw(gpu, quick, at_s)


def test_updates_stray_by_the_jitter_and_keep_their_order() -> None:
    counter = EnergyCounter(period_s=0.1, jitter_s=0.02)
    t_s = np.arange(0.0, 60.0, 0.002)
    found = [sensors.published(counter, 5, at_s) for at_s in t_s]
    numbers = np.array([number for _, number in found])
    assert set(np.diff(numbers)) == {0, 1}
    strays_s = np.array([at_s - number * 0.1 for at_s, number in dict.fromkeys(found)])
    assert strays_s.std() == pytest.approx(0.02, rel=0.1)
    with pytest.raises(ValueError, match="too much"):
        EnergyCounter(period_s=0.1, jitter_s=0.05)


@pytest.mark.parametrize("wander", [0.002, 0.005])
def test_a_deviation_is_slow_and_of_the_size_that_is_asked_for(wander: float) -> None:
    errors = [
        deviating(Constant(300.0), until_s=200.0, seed=seed, wander=wander).integral(200.0) / 200.0 / 300.0
        - 1
        for seed in range(40)
    ]
    assert 0.15 * wander < np.std(errors) < 0.5 * wander  # over twenty times the time that it is forgotten in
    seen = deviating(Constant(300.0), until_s=2000.0, seed=1, wander=wander)
    each = np.array([seen.at(at_s) / 300.0 - 1 for at_s in np.arange(0.0, 2000.0, 0.5)])
    assert each.std() == pytest.approx(wander, rel=0.3)
    assert np.abs(np.diff(each)).max() < 1.5 * wander


def test_a_deviation_leaves_the_jumps_of_the_power_where_they_are() -> None:
    wave = Square(low=90.0, high=400.0, period_s=0.37, duty=0.3, phase_s=0.11)
    seen = deviating(wave, until_s=10.0, seed=1, wander=0.002, bend=0.003, offset_w=-20.0)
    for at_s in changes(wave, 10.0):
        for beside_s in (at_s - 1e-6, at_s + 1e-6):
            assert seen.at(beside_s) == pytest.approx(wave.at(beside_s) - 20.0, abs=6.0)


def test_a_bent_sensor_errs_the_same_at_the_same_power() -> None:
    seen = deviating(Steps(90.0, [(1.0, 400.0), (2.0, 90.0)]), until_s=3.0, seed=2, bend=0.004)
    assert seen.at(0.5) == seen.at(2.5)
    assert seen.at(0.5) / 90.0 != pytest.approx(seen.at(1.5) / 400.0, rel=1e-4)
    assert seen.at(1.5) == pytest.approx(400.0, rel=0.004)


def test_gains_of_one_family_share_a_sign_more_often_than_not() -> None:
    families = [family_gains(seed, 3) for seed in range(300)]
    signs = [{gain > 1 for gain in gains} for gains in families]
    assert sum(len(each) == 1 for each in signs) / 300 > 0.6  # a quarter, if they were independent
    assert np.mean(families) == pytest.approx(1.0, abs=0.01)


def test_a_window_may_begin_with_a_peak() -> None:
    power = prefilled([(1.0, 2.0), (2.3, 3.3)])
    for start_s in (1.0, 2.3):
        used_j = power.integral(start_s + 1.0) - power.integral(start_s)
        assert used_j == pytest.approx(0.04 * 690.0 + 0.96 * 260.0)
