"""Power readings that average over a known time: which energy follows from them, and how accurately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.linalg import cho_solve_banded

from llenergymeasure.domain.trace import Channel, EnergyTrace, sample_dtype
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.quiet import NONE_QUIET
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve
from llenergymeasure.metrics.signals.part_time_power import part_time_energy
from llenergymeasure.metrics.signals.power_updates import find_update_grid
from tests.simulators.nvml import sensors
from tests.simulators.nvml.machine import PowerSensor, SimulatedGpu
from tests.simulators.signals import Constant, Signal, Square, Steps, bursts
from tests.support.synthetic import (
    BASE_NS,
    energy_between,
    joules,
    ns,
    sample_times,
)

END_S = 16.0
MEAN = {"window_s": 1.0, "period_s": 0.1}
QUARTER = {"window_s": 0.025, "period_s": 0.1}
HALF = {"window_s": 0.01, "period_s": 0.02}


def read(
    power: Signal, seed: int, sensor: dict[str, float], *, noise_w: float = 1.0, sampling_s: float = 0.02
) -> tuple[Any, Any]:
    """Return when a sensor of random phase was sampled, and what it showed."""
    rng = np.random.default_rng(seed)
    one = PowerSensor(**sensor, phase_s=float(rng.uniform(0, sensor["period_s"])))
    card = SimulatedGpu(power=power, usage=one, noise_w=noise_w, noise_seed=seed + 1)
    t_s = sample_times(END_S * 1.1, seed, sampling_s)
    t_s = t_s[t_s < END_S]
    return t_s, np.array([sensors.power_mw(card, one, at) / 1e3 for at in t_s])


def curve_of(t_s: Any, power_w: Any, averaging_s: float | None, quiet_ns: Any = NONE_QUIET) -> EnergyCurve:
    samples = np.zeros(len(t_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.round(t_s * 1e9).astype(np.int64)
    samples["power_w"], samples["energy_j"] = power_w, np.nan
    channel = Channel(
        meter="test", domain="gpu", device="d", label="D", method="sampled", averaging_window_s=averaging_s
    )
    return build_curves(EnergyTrace(channels=(channel,), samples=samples), quiet_ns)[0]


def errors(
    curve: EnergyCurve, power: Signal, seed: int, length_s: float = 1.0
) -> Iterator[tuple[float, float]]:
    """Yield the relative error of windows at random, and by how much of its half-width it is off."""
    rng = np.random.default_rng(seed)
    for start_s in rng.uniform(2.0, END_S - length_s - 1.0, 12):
        found = energy_between(curve, ns(start_s), ns(start_s + length_s))
        truth = power.integral(start_s + length_s) - power.integral(start_s)
        assert found.energy_j is not None
        yield abs(found.energy_j / truth - 1), abs(found.energy_j - truth) / found.random_error_j


def wave(seed: int) -> Square:
    return Square(low=80.0, high=420.0, period_s=0.7, phase_s=0.7 * np.random.default_rng(seed).random())


def burst(seed: int) -> Steps:
    rng, at_s, each = np.random.default_rng(seed), 0.2, []
    while at_s < END_S:
        length_s = float(rng.uniform(0.05, 0.5))
        each.append((at_s, length_s, float(rng.uniform(250, 650))))
        at_s += length_s + float(rng.uniform(0.1, 1.0))
    return bursts(90.0, each)


@pytest.mark.parametrize(("make", "most"), [(wave, 0.01), (burst, 0.02)])
def test_one_second_is_told_from_means_over_a_second(make: Any, most: float) -> None:
    off = []
    for seed in range(6):
        power = make(seed)
        curve = curve_of(*read(power, seed, MEAN), 1.0)
        assert isinstance(curve, DeconvolvedCurve)
        assert curve.method == "sampled"
        off += [error for error, _ in errors(curve, power, seed)]
    assert np.mean(off) < most
    assert np.mean(off) < 0.1 * plain_error(make)


def plain_error(make: Any) -> float:
    """Return what means over a second are off when each is taken for the moment at which it appeared."""
    return float(
        np.mean([plain_errors(*read(make(seed), seed, MEAN), make(seed), seed) for seed in range(6)])
    )


def plain_errors(t_s: Any, power_w: Any, power: Signal, seed: int) -> list[float]:
    """Return the relative errors of windows at random by the trapezoid rule."""
    until_j = np.append(0.0, np.cumsum(np.diff(t_s) * (power_w[1:] + power_w[:-1]) / 2))
    starts_s = np.random.default_rng(seed).uniform(2.0, END_S - 2.0, 12)
    found_j = np.diff(np.interp([starts_s, starts_s + 1.0], t_s, until_j), axis=0)[0]
    truth_j = np.array([power.integral(start_s + 1.0) - power.integral(start_s) for start_s in starts_s])
    return [float(error) for error in np.abs(found_j / truth_j - 1)]


@pytest.mark.parametrize("make", [wave, burst])
def test_the_stated_error_of_undone_means_covers_the_truth(make: Any) -> None:
    shares = []
    for seed in range(10):
        power = make(seed)
        shares += [share for _, share in errors(curve_of(*read(power, seed, MEAN), 1.0), power, seed)]
    assert np.mean(np.array(shares) <= 1) >= 0.95


def test_steady_power_is_averaged_not_sharpened() -> None:
    power = Constant(300.0)
    undone = curve_of(*read(power, 3, MEAN), 1.0)
    assert max(error for error, _ in errors(undone, power, 3)) < 0.001


def test_adjacent_intervals_of_undone_means_add_up() -> None:
    curve = curve_of(*read(wave(1), 1, MEAN), 1.0)
    whole = joules(curve, 3.1, 7.9)
    assert joules(curve, 3.1, 5.03) + joules(curve, 5.03, 7.9) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("wrong_s", [0.95, 1.05])
def test_an_averaging_time_that_is_a_little_off_does_little_harm(wrong_s: float) -> None:
    off: list[float] = []
    for seed in range(4):
        power = wave(seed)
        off += [error for error, _ in errors(curve_of(*read(power, seed, MEAN), wrong_s), power, seed, 3.0)]
    assert np.mean(off) < 0.015


def test_a_sensor_that_does_not_average_as_it_was_said_to_is_taken_as_it_is() -> None:
    power = burst(2)
    short = {"window_s": 0.3, "period_s": 0.1}
    assert isinstance(curve_of(*read(power, 2, short), 1.0), SampledCurve)


@pytest.mark.parametrize("make", [wave, burst])
def test_means_over_a_second_that_nobody_stated_are_found(make: Any) -> None:
    found = [curve_of(*read(make(seed), seed, MEAN), None).channel.averaging_window_s for seed in range(4)]
    assert found == [1.0] * 4
    assert "nothing was stated" in str(curve_of(*read(make(1), 1, MEAN), None).channel.note)


@pytest.mark.parametrize("make", [wave, burst])
def test_short_means_that_were_stated_as_means_over_a_second_are_not_taken_for_such(make: Any) -> None:
    curves = [curve_of(*read(make(seed), seed, QUARTER), 1.0) for seed in range(4)]
    assert not any(isinstance(curve, DeconvolvedCurve) for curve in curves)
    assert [curve.channel.averaging_window_s for curve in curves[1:]] == [None] * 3
    assert "not the stated 1 s" in str(curves[1].channel.note)


@pytest.mark.parametrize("stated_s", [0.025, 0.1])
def test_a_short_average_that_was_stated_stays(stated_s: float) -> None:
    curves = [
        curve_of(*read(burst(seed), seed, {"window_s": stated_s, "period_s": 0.1}), stated_s)
        for seed in range(4)
    ]
    assert [curve.channel.averaging_window_s for curve in curves] == [stated_s] * 4


def test_a_mean_over_the_whole_period_is_as_good_as_a_counter() -> None:
    off = []
    for seed in range(6):
        power = burst(seed)
        whole = {"window_s": 0.1, "period_s": 0.1}
        off += [error for error, _ in errors(curve_of(*read(power, seed, whole), 0.1), power, seed)]
    assert np.mean(off) < 0.01


def test_a_reading_that_is_held_for_a_second_is_one_reading() -> None:
    t_s, power_w = read(Steps(300.0, [(6.0, 120.0)]), 3, MEAN)
    held = t_s > 8.0
    power_w[held] = power_w[np.searchsorted(t_s, np.floor(t_s[held])).clip(0, len(t_s) - 1)]
    curve = curve_of(t_s, power_w, 1.0)
    assert joules(curve, 3.0, 9.5) == pytest.approx(300.0 * 3 + 120.0 * 3.5, rel=0.003)


def test_no_period_above_100_ms_is_found_in_power_unless_the_card_is_known_to_be_slower() -> None:
    t_s = sample_times(30.0)
    stairs_w = 200.0 + 2.0 * np.floor(t_s / 0.5)
    assert find_update_grid(t_s, stairs_w) is None
    known = find_update_grid(t_s, stairs_w, longest_s=0.5)
    assert known is not None
    assert known.period_s == pytest.approx(0.5, rel=1e-3)


def test_readings_without_a_beat_are_taken_as_they_are() -> None:
    t_s, power_w = read(wave(1), 1, MEAN)
    few = np.where(t_s < 8.0, 200.0, 300.0)
    assert find_update_grid(t_s, few) is None
    assert isinstance(curve_of(t_s, few, 1.0), SampledCurve)
    assert power_w.std() > 0


def test_a_pause_in_means_makes_the_interval_unknown_and_no_other() -> None:
    t_s, power_w = read(wave(1), 1, MEAN)
    kept = (t_s < 8.0) | (t_s > 9.0)
    curve = curve_of(t_s[kept], power_w[kept], 1.0)
    assert "power was not read for" in str(energy_between(curve, ns(7.0), ns(10.0)).reason)
    assert joules(curve, 3.0, 6.0) == pytest.approx(wave(1).integral(6.0) - wave(1).integral(3.0), rel=0.02)


def test_beyond_the_last_mean_nothing_is_known() -> None:
    curve = curve_of(*read(wave(1), 1, MEAN), 1.0)
    assert "was not read after" in str(energy_between(curve, ns(14.0), ns(18.0)).reason)
    assert "was not read before" in str(energy_between(curve, ns(-2.0), ns(3.0)).reason)


@pytest.mark.parametrize(("sensor", "sampling_s", "most"), [(QUARTER, 0.02, 0.075), (HALF, 0.01, 0.008)])
def test_part_time_readings_that_saw_a_step_place_it(
    sensor: dict[str, float], sampling_s: float, most: float
) -> None:
    off, plain = [], []
    for seed in range(16):
        power = wave(seed)
        readings = read(power, seed, sensor, sampling_s=sampling_s)
        off += [error for error, _ in errors(curve_of(*readings, sensor["window_s"]), power, seed)]
        plain += plain_errors(*readings, power, seed)
    assert np.mean(off) < most
    assert np.mean(off) < 0.85 * np.mean(plain)


def test_a_reading_between_its_neighbours_splits_the_time_around_it_at_its_step() -> None:
    grid = find_update_grid(*read(Constant(300.0), 1, QUARTER))
    assert grid is not None
    values_w = np.where(np.arange(len(grid)) < 10, 100.0, 500.0)
    values_w[10] = 300.0
    stepped = type(grid)(t_s=grid.t_s, power_w=values_w, seen=grid.seen, period_s=grid.period_s)
    times_s, energy_j = part_time_energy(stepped, 0.025)
    before_j, during_j, after_j = np.diff(energy_j[19:23])
    gap_s = grid.period_s - 0.025
    assert during_j == pytest.approx(0.025 * 300.0)
    assert before_j == pytest.approx(gap_s * 100.0, rel=0.02)
    assert after_j == pytest.approx(gap_s * 500.0, rel=0.02)
    assert (np.diff(times_s) > 0).all()


def test_every_update_is_found_also_where_the_reading_did_not_change() -> None:
    power = Steps(100.0, [(4.0 + 0.9 * number, 100.0 + 150.0 * (number % 2)) for number in range(12)])
    grid = find_update_grid(*read(power, 5, QUARTER, noise_w=0.4))
    assert grid is not None
    assert grid.period_s == pytest.approx(0.1, rel=1e-3)
    assert np.diff(grid.t_s) == pytest.approx(0.1, abs=0.005)
    assert grid.seen.mean() > 0.98


def test_ten_minutes_of_means_are_deconvolved_in_a_second() -> None:
    import time

    began_s = time.process_time()
    curve = ten_minutes_of_means()
    energy_between(curve, ns(100.0), ns(400.0))
    assert time.process_time() - began_s < 1.0


@pytest.mark.parametrize("length_s", [0.05, 3.0, 400.0])
def test_solving_around_an_interval_gives_the_variance_of_solving_everything(length_s: float) -> None:
    curve = ten_minutes_of_means()
    assert isinstance(curve, DeconvolvedCurve)
    power = curve.power
    start_s = np.array([20.0, 100.03, 190.0])
    end_s = start_s + length_s
    inside_s = np.diff(np.clip(power.edges_s[:, None], start_s, end_s), axis=0)
    variance_s2 = (inside_s * cho_solve_banded((power.factor, True), inside_s)).sum(axis=0)
    ends = np.searchsorted(power.edges_s, [start_s, end_s], side="right") - 1
    noise_w2, ripple_w2 = (each[ends].mean(axis=0) for each in (power.noise_w**2, power.ripple_w**2))
    expected_j = np.sqrt(noise_w2 * variance_s2 + 2 * ripple_w2 * power.averaging_s**2)
    assert power.deviation_j(start_s, end_s) == pytest.approx(expected_j, rel=1e-9)


def ten_minutes_of_means() -> EnergyCurve:
    """Return the curve of means over a second, every tenth of a second, of a power that wanders."""
    t_s = sample_times(600.0)
    number = np.floor(t_s / 0.1).astype(int)
    power_w = 250.0 + np.cumsum(np.random.default_rng(1).normal(0, 3, number[-1] + 10))
    means_w = np.convolve(power_w, np.full(10, 0.1), "valid")
    return curve_of(t_s, means_w[number], 1.0)


@pytest.mark.parametrize("sensor", [MEAN, QUARTER])
def test_a_sensor_whose_updates_stray_keeps_its_beat(sensor: dict[str, float]) -> None:
    rng, power = np.random.default_rng(5), burst(5)
    updates_s = np.arange(0.05, END_S, 0.1) + rng.normal(0, 0.003, 160)
    means_w = [
        (power.integral(at_s) - power.integral(at_s - sensor["window_s"])) / sensor["window_s"]
        for at_s in updates_s
    ]
    t_s = sample_times(END_S, 5)
    shown = np.searchsorted(updates_s, t_s) - 1
    t_s, shown = t_s[shown >= 0], shown[shown >= 0]
    grid = find_update_grid(t_s, np.array(means_w)[shown] + rng.normal(0, 1, 160)[shown])
    assert grid is not None
    assert grid.period_s == pytest.approx(0.1, rel=0.001)
    assert np.median(np.abs(grid.t_s - np.interp(grid.t_s, updates_s, updates_s))) < 0.005
    assert len(grid) == pytest.approx(len(np.unique(shown)), abs=2)


@pytest.mark.parametrize(("sensor", "most"), [({"window_s": 0.1, "period_s": 0.1}, 0.002), (MEAN, 0.01)])
def test_a_peak_at_the_start_of_a_window_after_a_rest_is_counted_whole(
    sensor: dict[str, float], most: float
) -> None:
    windows_s = [(3.0 + 1.8 * number, 4.0 + 1.8 * number) for number in range(5)]
    steps = [
        step
        for start_s, end_s in windows_s
        for step in ((start_s, 690.0), (start_s + 0.04, 260.0), (end_s, 70.0))
    ]
    edges_s = [0.0, *(edge_s for window in windows_s for edge_s in window), END_S]
    quiet_ns = np.array([(ns(edges_s[at]), ns(edges_s[at + 1])) for at in range(0, len(edges_s), 2)])
    ratios = []
    for seed in range(8):
        power = Steps(70.0, steps)
        curve = curve_of(*read(power, seed, sensor), sensor["window_s"], quiet_ns)
        found = sum(joules(curve, *window) for window in windows_s)
        ratios.append(
            found / sum(power.integral(end_s) - power.integral(start_s) for start_s, end_s in windows_s)
        )
    assert abs(np.mean(ratios) - 1) < most


def test_a_long_run_of_one_wave_is_no_reason_for_another_averaging_time() -> None:
    power, rng = wave(0), np.random.default_rng(0)
    updates_s = np.arange(0.05, 40.0, 0.1)
    means_w = np.array([power.integral(at_s) - power.integral(at_s - 1.0) for at_s in updates_s])
    t_s = sample_times(40.0)
    shown = np.searchsorted(updates_s, t_s) - 1
    t_s, shown = t_s[shown >= 0], shown[shown >= 0]
    noisy_w = means_w + rng.normal(0, 1, len(means_w))
    assert curve_of(t_s, noisy_w[shown], 1.0).channel.averaging_window_s == 1.0
