"""True power over time, with its exact integral; time is in seconds since the simulated machine's origin."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Signal(Protocol):
    """A quantity over time; `integral` runs from 0 to `t_s` (joules, where the quantity is power)."""

    def at(self, t_s: float) -> float: ...

    def integral(self, t_s: float) -> float: ...

    def words(self) -> str:
        """Return the signal as the simulated library reads it."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same at all times."""

    value: float

    def at(self, t_s: float) -> float:
        return self.value

    def integral(self, t_s: float) -> float:
        return self.value * t_s

    def words(self) -> str:
        return f"steps {self.value!r} 0"


@dataclass(frozen=True, kw_only=True)
class Square:
    """`high` for the first `duty` of each period, else `low`; a period begins at `phase_s`."""

    low: float
    high: float
    period_s: float
    duty: float = 0.5
    phase_s: float = 0.0

    def at(self, t_s: float) -> float:
        cycles = (t_s - self.phase_s) / self.period_s
        return self.high if cycles - math.floor(cycles) < self.duty else self.low

    def integral(self, t_s: float) -> float:
        return self._since_phase(t_s) - self._since_phase(0.0)

    def words(self) -> str:
        return f"square {self.low!r} {self.high!r} {self.period_s!r} {self.duty!r} {self.phase_s!r}"

    def _since_phase(self, t_s: float) -> float:
        cycles = (t_s - self.phase_s) / self.period_s
        whole = math.floor(cycles)
        rest = cycles - whole
        per_cycle = self.duty * self.high + (1 - self.duty) * self.low
        begun = min(rest, self.duty) * self.high + max(rest - self.duty, 0.0) * self.low
        return (whole * per_cycle + begun) * self.period_s


class Steps:
    """`base` until the first step; each step `(t_s, value)` holds until the next, the last for ever. All t_s >= 0."""

    def __init__(self, base: float, steps: Sequence[tuple[float, float]]) -> None:
        self.base = base
        self.steps = tuple(steps)
        self._times = [t_s for t_s, _ in self.steps]
        if self._times != sorted(self._times) or (self._times and self._times[0] < 0):
            raise ValueError("steps go forward in time, from 0")
        self._integrals: list[float] = []
        value, since, total = base, 0.0, 0.0
        for t_s, following in self.steps:
            total += value * (t_s - since)
            self._integrals.append(total)
            value, since = following, t_s

    def at(self, t_s: float) -> float:
        index = bisect_right(self._times, t_s)
        return self.steps[index - 1][1] if index else self.base

    def integral(self, t_s: float) -> float:
        index = bisect_right(self._times, t_s)
        if not index:
            return self.base * t_s
        since, value = self.steps[index - 1]
        return self._integrals[index - 1] + value * (t_s - since)

    def words(self) -> str:
        numbers = " ".join(f"{t_s!r} {value!r}" for t_s, value in self.steps)
        return f"steps {self.base!r} {len(self.steps)} {numbers}".rstrip()


def bursts(base: float, each: Sequence[tuple[float, float, float]]) -> Steps:
    """Return `base` interrupted by bursts `(start_s, duration_s, value)` that do not overlap."""
    steps: list[tuple[float, float]] = []
    for start_s, duration_s, value in each:
        steps += [(start_s, value), (start_s + duration_s, base)]
    return Steps(base, steps)


def changes(power: Signal, until_s: float) -> list[float]:
    """Return the times in (0, until_s) at which a signal jumps."""
    if isinstance(power, Steps):
        return [at_s for at_s, _ in power.steps if 0 < at_s < until_s]
    if isinstance(power, Square):
        first = math.floor(-power.phase_s / power.period_s) - 1
        begins_s = [
            power.phase_s + number * power.period_s
            for number in range(first, first + math.ceil(until_s / power.period_s) + 3)
        ]
        edges_s = [edge_s for at_s in begins_s for edge_s in (at_s, at_s + power.duty * power.period_s)]
        return [edge_s for edge_s in edges_s if 0 < edge_s < until_s]
    return []


def deviating(
    power: Signal,
    *,
    until_s: float,
    seed: int,
    wander: float = 0.0,
    forgets_s: float = 10.0,
    bend: float = 0.0,
    offset_w: float = 0.0,
) -> Steps:
    """Return what a sensor shows of `power` that is no exact multiple of it; it stays as it is from `until_s` on.

    `wander` is the standard deviation of a slow relative error, which is forgotten within `forgets_s`; `bend` the most
    by which its gain at one power differs from that at another, whenever it is measured; `offset_w` is always added.
    """
    draw = random.Random(seed)
    turn = draw.uniform(0, 2 * math.pi)
    step_s = min(0.25, forgets_s / 10)
    kept = math.exp(-step_s / forgets_s)
    grid_s = [number * step_s for number in range(math.ceil(until_s / step_s))]
    state = draw.gauss(0, 1)
    errors = []
    for _ in grid_s:
        errors.append(wander * state)
        state = kept * state + math.sqrt(1 - kept**2) * draw.gauss(0, 1)

    def seen_w(start_s: float, end_s: float) -> float:
        true_w = power.at((start_s + end_s) / 2)  # at a jump itself, rounding decides on which side
        error = errors[min(int(start_s / step_s), len(errors) - 1)]
        return true_w * (1 + error + bend * math.sin(true_w / BEND_W + turn)) + offset_w

    times_s = sorted({*grid_s, *changes(power, until_s)})
    ends_s = [*times_s[1:], times_s[-1] + step_s]
    steps = [(start_s, seen_w(start_s, end_s)) for start_s, end_s in zip(times_s, ends_s, strict=True)]
    return Steps(steps[0][1], steps)


BEND_W = 100.0
"""The gain of a bent sensor goes up and down once in 2 pi times this."""


def family_gains(seed: int, boards: int, *, shared: float = 0.04, own: float = 0.015) -> tuple[float, ...]:
    """Return gains of boards of one family: an error that all have, and one of each; both standard deviations."""
    draw = random.Random(seed)
    of_all = draw.gauss(0, shared)
    return tuple(1 + of_all + draw.gauss(0, own) for _ in range(boards))
