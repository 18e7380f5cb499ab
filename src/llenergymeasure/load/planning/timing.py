"""Where the times of a load come from: a rate, or a trace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Protocol

from llenergymeasure.config.load import OpenLoad, ReplayLoad
from llenergymeasure.core.random_streams import random_stream
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.planning.arrivals import arrival_times_s
from llenergymeasure.load.schedule import sessions_of


class Timing(Protocol):
    """The times at which sessions are due, and how long a window of them is."""

    lead_in_s: float | None
    """How long a load that begins is served outside of the window, at least; None: it begins with the window."""

    def times_s(self, rung: int, stream: str, *, is_start: bool) -> Iterator[float]:
        """Yield the times of a stream, in seconds since it begins, without end; `is_start`: nothing is in flight."""
        ...

    def window_s(self, plan: WindowPlan) -> float:
        """Return the duration of a window."""
        ...


def timing_of(load: OpenLoad | ReplayLoad, inputs: DriverInputs) -> Timing:
    """Return the timing of a load.

    Raises:
        ConfigError: the trace cannot be read.
    """
    if isinstance(load, OpenLoad):
        return RateTiming(load, inputs.seed)
    from llenergymeasure.workloads.traces.read import read_trace_file

    trace = read_trace_file(load.file, load.format, most=len(inputs.workload))
    has_sessions = len(sessions_of(inputs.workload)) < len(inputs.workload)
    return TraceTiming([row.time_s / load.speed for row in trace if row.begins_session or not has_sessions])


class RateTiming:
    """Arrivals at a rate; each stream draws its own."""

    def __init__(self, load: OpenLoad, seed: int) -> None:
        self._load = load
        self._seed = seed
        self.lead_in_s: float | None = load.ramp_s

    def times_s(self, rung: int, stream: str, *, is_start: bool) -> Iterator[float]:
        draw = random_stream(self._seed, f"arrivals of {stream} on rung {rung}")
        return arrival_times_s(
            self._load, self._load.rungs()[rung], draw, self._load.ramp_s if is_start else 0.0
        )

    def window_s(self, plan: WindowPlan) -> float:
        return plan.min_duration_s


class TraceTiming:
    """The times of a trace, pass after pass; a window is made of whole passes."""

    lead_in_s: float | None = None

    def __init__(self, times_s: Sequence[float]) -> None:
        first_s = times_s[0]
        self._times_s = [each - first_s for each in times_s]
        span_s = self._times_s[-1]
        self._pass_s = (
            span_s * len(times_s) / max(len(times_s) - 1, 1)
        )  # a mean distance after the last request

    def times_s(self, rung: int, stream: str, *, is_start: bool) -> Iterator[float]:
        return (number * self._pass_s + each for number in count() for each in self._times_s)

    def window_s(self, plan: WindowPlan) -> float:
        if self._pass_s == 0:
            return plan.min_duration_s
        return max(math.ceil(plan.min_duration_s / self._pass_s), 1) * self._pass_s
