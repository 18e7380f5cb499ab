"""Runs of the generator: a board at work, windows of which the true energy is known, and what a sampler read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.judge.sampler import Samples, random_sampler, sample
from benchmarks.judge.sensors import Sensor, counter, random_board, readings, sensed
from benchmarks.judge.signals import (
    GRID_S,
    IN_STEP,
    SIGNALS,
    Floats,
    Levels,
    energy_until_j,
    random_levels,
    token_ripple,
)
from numpy.typing import NDArray

LEAD_S = 6.0
"""Idle before the first work."""
PERIOD_S, FAST_PERIOD_S = 0.02, 0.01
"""Of the sampler; readings that are published every 20 ms, alone, are read faster."""
REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Course:
    """A board's true power on the grid, when it has work, and its windows."""

    signal: str
    levels: Levels
    power_w: Floats
    at_work: NDArray[np.bool_]
    windows_s: Floats
    """Start and end of each, shape (n, 2)."""
    quiet_s: Floats
    """Start and end of each time at which nothing is known to be served, shape (m, 2)."""

    @property
    def true_j(self) -> Floats:
        """The exact energy of each window."""
        start_s, end_s = self.windows_s.T
        return energy_until_j(self.power_w, end_s) - energy_until_j(self.power_w, start_s)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A course, and what was read of it."""

    course: Course
    conditions: str
    """How the sampler reads."""
    samples: Samples


def rested(rng: np.random.Generator, length_s: float, count: int) -> Course:
    """Return windows with a rest before and after each; work begins and ends within 2 ms of its window."""
    signal, levels = str(rng.choice(list(SIGNALS))), random_levels(rng)
    parts = [_idle(rng, levels, LEAD_S), _work(rng, levels, signal, rng.uniform(1.0, 2.0))]
    windows, rests = [], [(0.0, LEAD_S)]
    for _ in range(count):
        parts.append(_rest(rng, levels, rng.uniform(0.3, 0.45)))
        rests.append((_length_s(parts[:-1]), _length_s(parts)))
        parts.append(_work(rng, levels, signal, length_s * rng.uniform(0.97, 1.03)))
        windows.append((rests[-1][1], _length_s(parts)))
    return _course(signal, levels, parts, windows, [*rests, _last_rest(rng, levels, parts)])


def served(rng: np.random.Generator, lengths_s: tuple[float, ...], signal: str | None = None) -> Course:
    """Return windows at random times of a load that never rests, one of each length; a random load, or that given."""
    signal = signal or str(rng.choice(list(SIGNALS)))
    levels = random_levels(rng)
    lasting_s = 36.0
    parts = [_idle(rng, levels, LEAD_S), _work(rng, levels, signal, lasting_s)]
    _last_rest(rng, levels, parts)
    starts_s = [LEAD_S + rng.uniform(1.0, lasting_s - 1.0 - length_s) for length_s in lengths_s]
    windows = [(start_s, start_s + length_s) for start_s, length_s in zip(starts_s, lengths_s, strict=True)]
    return _course(signal, levels, parts, windows, [])


def repeats(rng: np.random.Generator, peak_s: tuple[float, float], rest_s: float) -> Course:
    """Return five alike windows of 1 s, each a prefill peak and then decoding; at a rest of 0 nothing is quiet."""
    levels = random_levels(rng)
    peak_ms = int(1e3 * rng.uniform(*peak_s))
    peak_w, decode_w = levels.top_w * rng.uniform(0.8, 1.0), levels.top_w * rng.uniform(0.35, 0.65)
    falls = rng.uniform(0.0, 0.2)
    count = int(1e3 * rng.uniform(0.95, 1.05))
    work_w = decode_w * np.linspace(1, 1 - falls, count) * token_ripple(rng, count)
    work_w[:peak_ms] = peak_w
    parts = [_idle(rng, levels, LEAD_S)]
    windows, rests = [], [(0.0, LEAD_S)]
    for number in range(REPEATS + 1):  # the first is the warm-up
        if number:
            gap_s = rest_s * rng.uniform(1.0, 1.2) if rest_s else rng.uniform(0.002, 0.03)
            parts.append(_rest(rng, levels, gap_s))
            rests.append((_length_s(parts[:-1]), _length_s(parts)))
        start_s = _length_s(parts)
        parts.append((work_w * rng.normal(1, 0.001), True))
        if number:
            windows.append((start_s, _length_s(parts)))
    last = _last_rest(rng, levels, parts)
    return _course("repeats", levels, parts, windows, [*rests, last] if rest_s else [])


def read(rng: np.random.Generator, course: Course, sensor: Sensor) -> Run:
    """Let a board with this sensor run the course, and a sampler read it."""
    board = random_board(rng, course.levels.top_w)
    sensed_w = sensed(rng, board, course.power_w)
    counted = None if sensor.counter_s is None else counter(rng, board, sensor, sensed_w)
    power = None if sensor.power is None else readings(rng, board, sensor, sensed_w, course.at_work)
    fast = counted is None and sensor.power is not None and sensor.power.every_s <= FAST_PERIOD_S * 2
    sampler = random_sampler(rng, FAST_PERIOD_S if fast else PERIOD_S)
    until_s = len(course.power_w) * GRID_S
    samples = sample(rng, sampler, until_s, counted, power)
    return Run(course=course, conditions=sampler.habit, samples=samples)


Part = tuple[Floats, bool]
"""A piece of the true power, and whether the board has work."""


def _idle(rng: np.random.Generator, levels: Levels, lasting_s: float) -> Part:
    count = int(1e3 * lasting_s)
    stray_w = rng.uniform(0.1, 0.8) * rng.standard_normal(count // 50 + 1).repeat(50)
    return levels.idle_w + stray_w[:count], False


def _rest(rng: np.random.Generator, levels: Levels, lasting_s: float) -> Part:
    """Return a rest: the clocks stay up, and what the work warmed leaks a little more for a while."""
    count = int(1e3 * lasting_s)
    leak_w = rng.uniform(0.0, 0.01) * levels.top_w * np.exp(-np.arange(count) / rng.uniform(200.0, 1500.0))
    return levels.rest_w + leak_w, False


def _work(rng: np.random.Generator, levels: Levels, signal: str, lasting_s: float) -> Part:
    """Return a signal with up to 2 ms of host time on either side."""
    count, before, after = int(1e3 * lasting_s), int(rng.integers(0, 3)), int(rng.integers(0, 3))
    power_w = (SIGNALS | IN_STEP)[signal](rng, count, levels) * (1 + 0.004 * rng.standard_normal(count))
    power_w[:before], power_w[count - after :] = levels.rest_w, levels.rest_w
    return power_w, signal != "idling"


def _last_rest(rng: np.random.Generator, levels: Levels, parts: list[Part]) -> tuple[float, float]:
    """Append what follows the last work, and return its start and end."""
    start_s = _length_s(parts)
    parts += [_rest(rng, levels, rng.uniform(1.5, 2.5)), _idle(rng, levels, 1.5)]
    return start_s, _length_s(parts)


def _course(
    signal: str,
    levels: Levels,
    parts: list[Part],
    windows: list[tuple[float, float]],
    quiet: list[tuple[float, float]],
) -> Course:
    return Course(
        signal=signal,
        levels=levels,
        power_w=np.maximum(np.concatenate([power_w for power_w, _ in parts]), 1.0),
        at_work=np.concatenate([np.full(len(power_w), works) for power_w, works in parts]),
        windows_s=np.array(windows),
        quiet_s=np.array(quiet).reshape(-1, 2),
    )


def _length_s(parts: list[Part]) -> float:
    return sum(len(power_w) for power_w, _ in parts) * GRID_S
