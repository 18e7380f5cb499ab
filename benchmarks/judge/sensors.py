"""What a sensor publishes of a board's power, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.judge.signals import GRID_S, Floats, energy_until_j
from numpy.typing import NDArray

PARTS = 11
"""Of a mean over a second: each of the newest readings of 100 ms weighs an eleventh, and the oldest what is left."""
SLOW_UPDATES = 10
"""A mean over a second that is published every 1,000 ms, ten times its usual period."""
STEPS_W = (0.001, 0.01, 1.0)
WANDER_MS = 50
"""The wander moves once in so many milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """Readings of power: published every `every_s`, each the mean over the `mean_s` before it."""

    every_s: float
    mean_s: float
    stated_s: float | None
    """Over how long the library is told that it averages; None where a card does not say."""
    over_a_second: bool = False
    """The published value is a weighted mean of the last readings, which cover about a second."""
    stalls: bool = False
    """Some seconds after work ended only every tenth reading is published."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A sensor of a board: a counter that moves every `counter_s`, readings of power, or both."""

    name: str
    counter_s: float | None = None
    power: Power | None = None
    has_timer: bool = True
    """A timer keeps its beat; else the next update is timed from the last one, so that what it strays by adds up."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """What one board does its own way."""

    deviation: float
    """How far its sensors are off a straight line at most, relative; the gain is exact."""
    wave_w: float
    """Power over which that deviation goes up and down once."""
    wave_phase: float
    drift: float
    """Of its clock against the sampler's."""
    jitter: float
    """Standard deviation of an update's time, relative to the period."""
    noise_w: float
    correlated: float
    """Correlation of the noise of neighbouring readings; at 0 it has Student's t with 3 degrees, else it is normal."""
    step_w: float
    wander_w: float
    """Standard deviation of what all its sensors show too much for a while; 0 on some boards."""
    wander_s: float
    """Time over which that forgets itself."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The values of a sensor, each shown from its time on."""

    t_s: Floats
    value: Floats

    def at(self, t_s: Floats) -> Floats:
        """Return what is shown at some times, the first value before there is one."""
        return self.value[np.maximum(np.searchsorted(self.t_s, t_s, side="right") - 1, 0)]


def random_board(rng: np.random.Generator, top_w: float) -> Board:
    """Draw a board: 0.2 to 0.5 % off a straight line, 50 to 200 ppm of drift, 1 to 3 % of jitter."""
    return Board(
        deviation=float(rng.uniform(0.002, 0.005)),
        wave_w=top_w * float(rng.uniform(0.3, 1.2)),
        wave_phase=float(rng.uniform(0, 2 * np.pi)),
        drift=float(rng.choice([-1, 1]) * rng.uniform(50e-6, 200e-6)),
        jitter=float(rng.uniform(0.01, 0.03)),
        noise_w=float(rng.uniform(0.2, 1.2)),
        correlated=float(rng.choice([0.0, 0.7, 0.9])),
        step_w=float(rng.choice(STEPS_W)),
        wander_w=float(rng.choice([0.0, rng.uniform(0.3, 1.0)])),
        wander_s=float(rng.uniform(0.3, 1.0)),
    )


def sensed(rng: np.random.Generator, board: Board, power_w: Floats) -> Floats:
    """Return what all sensors of the board make of the true power: a slightly bent line, and a slow wander."""
    bent_w = power_w * (1 + board.deviation * np.sin(2 * np.pi * power_w / board.wave_w + board.wave_phase))
    slots = len(power_w) // WANDER_MS + 1
    wander = autocorrelated(rng, float(np.exp(-WANDER_MS * GRID_S / board.wander_s)), slots)
    return bent_w + board.wander_w * wander.repeat(WANDER_MS)[: len(power_w)]


def counter(rng: np.random.Generator, board: Board, sensor: Sensor, sensed_w: Floats) -> Published:
    """Return a counter of energy, in millijoules as NVML has it, that began somewhere."""
    assert sensor.counter_s is not None
    seen_w = sensed_w + rng.standard_t(4, len(sensed_w))
    t_s = _updates(rng, board, sensor, sensor.counter_s, len(sensed_w) * GRID_S)
    energy_j = energy_until_j(seen_w, t_s) + rng.uniform(1e3, 1e6)
    return Published(t_s=t_s, value=np.floor(energy_j * 1e3) / 1e3)


def readings(
    rng: np.random.Generator, board: Board, sensor: Sensor, sensed_w: Floats, at_work: NDArray[np.bool_]
) -> Published:
    """Return readings of power, rounded to the board's step; `at_work` says when the board has something to do."""
    power = sensor.power
    assert power is not None
    t_s = _updates(rng, board, sensor, power.every_s, len(sensed_w) * GRID_S)
    means_w = (energy_until_j(sensed_w, t_s) - energy_until_j(sensed_w, t_s - power.mean_s)) / power.mean_s
    if power.over_a_second:
        means_w = _over_a_second(rng, means_w)
    values = means_w + _noise_w(rng, board, len(t_s))
    values = np.maximum(np.round(values / board.step_w) * board.step_w, board.step_w)
    if power.stalls:
        shown = _shown(rng, at_work[np.minimum((t_s / GRID_S).astype(int), len(at_work) - 1)])
        t_s, values = t_s[shown], values[shown]
    return Published(t_s=t_s, value=values)


def _updates(
    rng: np.random.Generator, board: Board, sensor: Sensor, period_s: float, until_s: float
) -> Floats:
    count = int(until_s / period_s * 1.02) + 5
    period_s *= 1 + board.drift
    stray_s = board.jitter * period_s * rng.standard_normal(count)
    t_s = np.arange(count) * period_s + (stray_s if sensor.has_timer else np.cumsum(stray_s))
    t_s += rng.uniform(0, period_s)
    return np.sort(t_s[t_s < until_s])


def _over_a_second(rng: np.random.Generator, means_w: Floats) -> Floats:
    """Return weighted means: the newest 8 to 10 at an eleventh each, the rest of the weight on the one before."""
    usual = int(rng.integers(8, 11))
    whole = np.where(rng.random(len(means_w)) < 0.1, rng.integers(8, 11, len(means_w)), usual)
    padded = np.concatenate([np.full(PARTS, means_w[0]), means_w])
    until = np.concatenate([[0.0], np.cumsum(padded)])
    last = np.arange(len(means_w)) + PARTS
    newest = until[last + 1] - until[last + 1 - whole]
    return (newest + (PARTS - whole) * padded[last - whole]) / PARTS


def _shown(rng: np.random.Generator, at_work: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which readings are published: some seconds after work ended only every tenth, until it resumes."""
    patience = int(rng.integers(12, 31))
    index = np.arange(len(at_work))
    since = index - np.maximum.accumulate(np.where(at_work, index, -patience))
    return (since < patience) | ((since - patience) % SLOW_UPDATES == 0)


def _noise_w(rng: np.random.Generator, board: Board, count: int) -> Floats:
    if board.correlated == 0:
        return board.noise_w * rng.standard_t(3, count) / np.sqrt(3)
    return board.noise_w * autocorrelated(rng, board.correlated, count)


def autocorrelated(rng: np.random.Generator, correlation: float, count: int) -> Floats:
    """Return normal noise of variance 1 whose neighbours are correlated."""
    shocks = rng.standard_normal(count) * np.sqrt(1 - correlation**2)
    last = float(rng.standard_normal())
    values = []
    for shock in shocks.tolist():
        last = correlation * last + shock
        values.append(last)
    return np.array(values)
