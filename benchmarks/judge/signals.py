"""The true power of a board, in watts on a grid of 1 ms: what serving, training and idling look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Signal: TypeAlias = "Callable[[np.random.Generator, int, Levels], Floats]"

GRID_S = 0.001
SLOTS_MS = 5
"""Of an autoregressive process: it moves once in so many milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The powers of one board."""

    idle_w: float
    rest_w: float
    """Idle, clocks still up: for some seconds after work, and in the rests between windows."""
    top_w: float


def random_levels(rng: np.random.Generator) -> Levels:
    """Draw a board between a small inference card and a large accelerator."""
    top_w = float(rng.choice([72.0, 165.0, 230.0, 300.0, 350.0, 400.0, 450.0, 700.0]))
    idle_w = top_w * float(rng.uniform(0.07, 0.25))
    return Levels(idle_w=idle_w, rest_w=idle_w + top_w * float(rng.uniform(0.0, 0.1)), top_w=top_w)


def bursts(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """Batches: a prefill peak, then decoding whose power falls as sequences end, sometimes a pause."""
    batches = count // 300 + 2
    prefill_ms = rng.integers(20, 301, batches)
    decode_ms = rng.integers(300, 4001, batches)
    pause_ms = np.where(rng.random(batches) < 0.4, rng.integers(20, 501, batches), 0)
    parts_ms = np.column_stack([prefill_ms, decode_ms, pause_ms]).ravel()
    kind = np.repeat(np.tile([0, 1, 2], batches), parts_ms)[:count]
    batch = np.repeat(np.arange(batches), prefill_ms + decode_ms + pause_ms)[:count]
    since_ms = np.arange(count) - np.repeat(np.cumsum(parts_ms) - parts_ms, parts_ms)[:count]
    decoding_w = levels.top_w * rng.uniform(0.35, 0.75) * rng.uniform(0.95, 1.05, batches)
    falls = rng.uniform(0.0, 0.35, batches)
    sequences = rng.integers(2, 17, batches)
    ended = np.floor(since_ms / decode_ms[batch] * sequences[batch]) / sequences[batch]
    decode_w = decoding_w[batch] * (1 - falls[batch] * ended) * token_ripple(rng, count)
    peak_w = levels.top_w * rng.uniform(0.8, 1.02, batches)[batch]
    return np.choose(kind, [peak_w, decode_w, np.full(count, levels.rest_w)])


def serving(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """Open-loop serving: each arrival is a prefill; power grows with the requests in flight and saturates."""
    arrivals = rng.poisson(rng.uniform(0.8, 8.0) * GRID_S, count)
    at_ms = np.repeat(np.arange(count), arrivals)
    lasting_ms = rng.lognormal(np.log(rng.uniform(600.0, 4000.0)), 0.6, len(at_ms)).astype(int) + 30
    leaving = np.bincount(np.minimum(at_ms + lasting_ms, count), minlength=count + 1)[:count]
    in_flight = np.cumsum(arrivals - leaving)
    prefill_ms = int(rng.integers(20, 151))
    in_prefill = np.cumsum(arrivals) - np.concatenate(
        [np.zeros(prefill_ms), np.cumsum(arrivals)[:-prefill_ms]]
    )
    share = 0.35 + 0.4 * (1 - np.exp(-in_flight / 6.0))
    busy_w = levels.top_w * share * token_ripple(rng, count)
    power_w = np.where(in_flight > 0, busy_w, levels.rest_w)
    return np.where(in_prefill > 0, levels.top_w * rng.uniform(0.8, 1.0), power_w)


def autoregressive(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A damped random oscillation, AR(2), of a period from 40 ms to 3 s; its shocks have Student's t."""
    period_ms = float(np.exp(rng.uniform(np.log(40.0), np.log(3000.0))))
    damping = float(np.exp(-SLOTS_MS / (period_ms * rng.uniform(0.4, 3.0))))
    first, second = 2 * damping * np.cos(2 * np.pi * SLOTS_MS / period_ms), -(damping**2)
    before = last = 0.0
    values = []
    for shock in rng.standard_t(4, count // SLOTS_MS + 201).tolist():
        before, last = last, first * last + second * before + shock
        values.append(last)
    wave = np.array(values[200:])
    wave *= rng.uniform(0.03, 0.12) / wave.std()
    power_w = levels.top_w * rng.uniform(0.4, 0.8) * (1 + np.repeat(wave, SLOTS_MS)[:count])
    return np.clip(power_w, levels.idle_w, 1.1 * levels.top_w)


def ramp(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A slow drift: a board that warms up or slows down."""
    t_s = np.arange(count) * GRID_S
    course = 1 - np.exp(-t_s / rng.uniform(2.0, 30.0)) if rng.random() < 0.6 else t_s / t_s[-1]
    start, end = rng.uniform(0.3, 0.95, 2)
    return levels.top_w * (start + (end - start) * course)


def training(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """Steps of training: power climbs through forward and backward pass and falls while gradients are exchanged."""
    step_ms = rng.uniform(150.0, 2500.0)
    steps_ms = np.maximum(step_ms * (1 + rng.normal(0, rng.uniform(0.01, 0.03), count // 100 + 2)), 50)
    ends_ms = np.cumsum(steps_ms)
    at_ms = np.arange(count) + 0.0
    step = np.searchsorted(ends_ms, at_ms, side="right")
    within = 1 - (ends_ms[step] - at_ms) / steps_ms[step]
    exchange, low, high = rng.uniform(0.08, 0.25), rng.uniform(0.25, 0.5), rng.uniform(0.8, 1.0)
    climb = rng.uniform(0.5, 0.75) + within * (high - 0.6)
    return levels.top_w * np.where(within < 1 - exchange, np.minimum(climb, 1.0), low)


def idling(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """An idle board: plateaus as it changes its clocks, short housekeeping now and then."""
    lasting_ms = rng.integers(500, 6001, count // 500 + 2)
    plateaus = levels.idle_w * np.where(rng.random(len(lasting_ms)) < 0.5, 1.0, rng.uniform(1.0, 1.5))
    power_w = np.repeat(plateaus * rng.uniform(0.98, 1.02, len(lasting_ms)), lasting_ms)[:count]
    busy = np.convolve(rng.random(count) < 1 / 2000.0, np.ones(int(rng.integers(2, 12))))[:count] > 0
    return np.where(busy, 1.3 * power_w, power_w)


def tensor_parallel(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """One board of several under a 70B model: power swings by 20 to 40 % within 50 to 500 ms."""
    spread_ms = rng.lognormal(np.log(rng.uniform(70, 300)), 0.5, count // 50 + 2)
    lasting_ms = np.clip(spread_ms, 50, 500).astype(int)
    middle_w = levels.top_w * rng.uniform(0.5, 0.75)
    swing = rng.uniform(0.2, 0.4) * rng.uniform(0.6, 1.0, len(lasting_ms)) / 2
    swing[::2] *= -1
    power_w = np.repeat(middle_w * (1 + swing), lasting_ms)[:count]
    return smooth(power_w, int(rng.integers(4, 25)))


def telegraph(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A random telegraph: two powers, with exponential times in each."""
    means_ms = np.exp(rng.uniform(np.log(30.0), np.log(1000.0), 2))
    switches = int(3 * count / means_ms.sum()) + 400
    lasting_ms = (rng.exponential(np.resize(means_ms, switches)) + 1).astype(int)
    two_w = levels.top_w * np.array([rng.uniform(0.25, 0.6), rng.uniform(0.65, 1.0)])
    power_w = np.repeat(np.resize(two_w, len(lasting_ms)), lasting_ms)
    return np.resize(power_w, count)


def still(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A load that does not change at all."""
    return np.full(count, levels.top_w * rng.uniform(0.3, 0.98))


def beating(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A square wave whose period is one to three updates of the sensor, to within some hundred ppm."""
    return _square_wave(rng, count, levels, 100.0 * rng.integers(1, 4) * (1 + rng.uniform(-3e-4, 3e-4)))


def wave_near_tick(rng: np.random.Generator, count: int, levels: Levels) -> Floats:
    """A square wave about as long as a tick."""
    return _square_wave(rng, count, levels, rng.uniform(70.0, 140.0))


SIGNALS: dict[str, Signal] = {
    "bursts": bursts,
    "serving": serving,
    "autoregressive": autoregressive,
    "ramp": ramp,
    "training": training,
    "idling": idling,
    "tensor parallel": tensor_parallel,
    "telegraph": telegraph,
    "still": still,
}
IN_STEP: dict[str, Signal] = {"beating": beating, "wave near the tick": wave_near_tick}
"""Loads in step with a sensor that updates every 100 ms, which are never drawn at random."""


def token_ripple(rng: np.random.Generator, count: int) -> Floats:
    """Return the factor by which kernels of one decoding step make power vary, a step every 8 to 40 ms."""
    step_ms, share = rng.uniform(8.0, 40.0), rng.uniform(0.2, 0.6)
    steps = np.cumsum(1 + rng.normal(0, 0.02, count)) / step_ms
    high = steps % 1 < share
    depth = rng.uniform(0.02, 0.15)
    return np.where(high, 1 + depth * (1 - share), 1 - depth * share)


def _square_wave(rng: np.random.Generator, count: int, levels: Levels, period_ms: float) -> Floats:
    low, high, share = rng.uniform(0.25, 0.5), rng.uniform(0.6, 1.0), rng.uniform(0.3, 0.7)
    phase = np.arange(count) / period_ms + rng.uniform(0, 1)
    return levels.top_w * np.where(phase % 1 < share, high, low)


def smooth(power_w: Floats, over_ms: int) -> Floats:
    """Return the running mean over `over_ms`, so that steps take that long."""
    until = np.concatenate([np.full(over_ms, power_w[0]), power_w]).cumsum()
    return (until[over_ms:] - until[:-over_ms]) / over_ms


def energy_until_j(power_w: Floats, t_s: Floats) -> Floats:
    """Return the exact energy from 0 to each time of a power that is constant in each step of the grid."""
    until_j = np.concatenate([[0.0], np.cumsum(power_w) * GRID_S])
    within_j = np.interp(t_s, np.arange(len(until_j)) * GRID_S, until_j)
    return within_j + power_w[0] * np.minimum(t_s, 0.0)
