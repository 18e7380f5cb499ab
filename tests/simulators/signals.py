"""True power over time, with its exact integral; time is in seconds since the simulated machine's origin."""

from __future__ import annotations

import math
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
