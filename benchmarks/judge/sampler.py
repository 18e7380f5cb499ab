"""When a sampler looks at a sensor: at random times, late at times, with calls that last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.judge.sensors import Published
from benchmarks.judge.signals import Floats

PLAIN, SLOW_CALLS, PAUSES = "plain", "slow calls", "pauses"
HABITS = (PLAIN, SLOW_CALLS, PAUSES)
SHARES = (0.7, 0.15, 0.15)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What was read; NaN where a sensor has no such value. Times are the middle of the first call."""

    t_s: Floats
    energy_j: Floats
    power_w: Floats


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """How a process reads."""

    habit: str
    period_s: float


def random_sampler(rng: np.random.Generator, period_s: float) -> Sampler:
    """Draw the habit of a sampler that is asked for a period."""
    return Sampler(habit=str(rng.choice(HABITS, p=SHARES)), period_s=period_s)


def sample(
    rng: np.random.Generator,
    sampler: Sampler,
    until_s: float,
    counted: Published | None,
    power: Published | None,
) -> Samples:
    """Read a sensor until the end: its counter first, then its power, each in a call of its own."""
    count = int(until_s / (0.5 * sampler.period_s)) + 10
    waits_s = sampler.period_s * rng.uniform(0.4, 1.6, count) + rng.exponential(0.0005, count)
    calls_s = np.abs(rng.normal(0.0004, 0.0001, (2, count)))
    if sampler.habit == SLOW_CALLS:
        calls_s = rng.uniform(0.002, 0.020) * rng.lognormal(0, 0.25, (2, count))
    if sampler.habit == PAUSES:
        waits_s += np.where(rng.random(count) < sampler.period_s / 8.0, rng.uniform(0.1, 0.6, count), 0)
    both = counted is not None and power is not None
    lasting_s = calls_s.sum(axis=0) if both else calls_s[0]
    starts_s = np.concatenate([[0.0], np.cumsum(np.maximum(waits_s, lasting_s))])[:-1]
    kept = starts_s + lasting_s < until_s
    starts_s, calls_s = starts_s[kept], calls_s[:, kept]
    first_s = starts_s + calls_s[0] * rng.uniform(0, 1, len(starts_s))
    second_s = starts_s + calls_s[0] + calls_s[1] * rng.uniform(0, 1, len(starts_s))
    unknown = np.full(len(starts_s), np.nan)
    return Samples(
        t_s=starts_s + calls_s[0] / 2,
        energy_j=unknown if counted is None else counted.at(first_s),
        power_w=unknown if power is None else power.at(second_s if both else first_s),
    )
