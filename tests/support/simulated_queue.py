"""An engine with continuous batching under traffic, in virtual time: its capacity and its power are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from llenergymeasure.domain.request import WARMUP_REPEAT, RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from tests.simulators.signals import Steps
from tests.support.simulated_power import MARGIN_S, Sensor, read
from tests.support.synthetic import ns

TOKENS = (10, 30)
"""Output tokens of a request: drawn evenly between both."""
BASE_STEP_S = 0.020
PER_REQUEST_S = 0.0005
"""A step lasts the first, and the second for each request in it."""
IDLE_W = 80.0
BUSY_W = 120.0
PER_REQUEST_W = 20.0
"""Power: idle; more in a step, and more for each request in it."""
REST_S = 0.3
"""Between two windows, in which traffic goes on."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Serves at most `slots` requests together; each gets one token a step, the others wait in line."""

    slots: int = 8

    @property
    def capacity_per_s(self) -> float:
        """Requests per second with all slots taken."""
        return self.slots / (sum(TOKENS) / 2 * self.step_s(self.slots))

    def step_s(self, requests: int) -> float:
        return BASE_STEP_S + PER_REQUEST_S * requests

    def power_w(self, requests: int) -> float:
        return IDLE_W + BUSY_W + PER_REQUEST_W * requests


@dataclass(kw_only=True)
class Served:
    """A request of the simulation."""

    due_s: float
    wanted: int
    times_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What a run under traffic left behind."""

    requests: RequestTable
    phases: tuple[Phase, ...]
    power: Steps
    ended_s: float

    def trace(self, sensor: Sensor, seed: int) -> EnergyTrace:
        """Return what a sensor saw of it."""
        return read(sensor, self.power, self.ended_s + MARGIN_S, np.random.default_rng([seed, 9]))

    def true_j(self, window: Phase) -> float:
        """Return what was really drawn in a window."""
        zero = ns(0.0)
        start_s, end_s = (window.start_unix_ns - zero) / 1e9, (window.end_unix_ns - zero) / 1e9
        return self.power.integral(end_s) - self.power.integral(start_s)


def open_traffic(
    rates_per_s: Sequence[float],
    seed: int,
    *,
    engine: Engine | None = None,
    windows: int = 3,
    window_s: float = 10.0,
    warmup_s: float = 5.0,
    even: bool = False,
) -> Traffic:
    """Return a run with Poisson arrivals (`even`: all at one distance), one rate after the other.

    Each rate has a warm-up, and windows in which traffic goes on as it was; then the line is worked off.
    """
    rng = np.random.default_rng(seed)
    engine = engine or Engine()
    phases: list[Phase] = []
    served: list[Served] = []
    power: list[tuple[float, float]] = []
    now_s = MARGIN_S + float(rng.uniform(0, 1))
    several = len(rates_per_s) > 1
    for rung, rate in enumerate(rates_per_s):
        until_s = now_s + warmup_s + windows * (window_s + REST_S)
        marks = [now_s + warmup_s + number * (window_s + REST_S) for number in range(windows)]
        phases += [
            Phase(
                name="window",
                start_unix_ns=ns(mark),
                end_unix_ns=ns(mark + window_s),
                repeat=rung * windows + number,
                rung=rung if several else None,
            )
            for number, mark in enumerate(marks)
        ]
        arrivals = _arrivals(rng, rate, now_s, until_s, even=even)
        served += arrivals
        now_s = max(until_s, _serve(engine, arrivals, power)) + 1.0
    requests = RequestTable.from_records(
        sorted(
            (_record(number, each, phases) for number, each in enumerate(served)),
            key=lambda record: record.closed_unix_ns,
        )
    )
    return Traffic(
        requests=requests, phases=tuple(phases), power=Steps(IDLE_W, _merged(power)), ended_s=now_s
    )


def _arrivals(rng: Generator, rate: float, start_s: float, end_s: float, *, even: bool) -> list[Served]:
    count = int((end_s - start_s) * rate * 1.5) + 50
    gaps = np.full(count, 1 / rate) if even else rng.exponential(1 / rate, count)
    due = start_s + np.cumsum(gaps)
    due = due[due < end_s]
    wanted = rng.integers(*TOKENS, len(due), endpoint=True)
    return [Served(due_s=float(at), wanted=int(tokens)) for at, tokens in zip(due, wanted, strict=True)]


def _serve(engine: Engine, arrivals: Sequence[Served], power: list[tuple[float, float]]) -> float:
    """Serve requests in their order, note the power, and return when the last has ended."""
    waiting, running = deque(arrivals), list[Served]()
    now_s = arrivals[0].due_s if arrivals else 0.0
    while waiting or running:
        if not running and waiting[0].due_s > now_s:
            power.append((now_s, IDLE_W))
            now_s = waiting[0].due_s
        while waiting and waiting[0].due_s <= now_s and len(running) < engine.slots:
            running.append(waiting.popleft())
        power.append((now_s, engine.power_w(len(running))))
        now_s += engine.step_s(len(running))
        for each in running:
            each.times_s.append(now_s)
        running = [each for each in running if len(each.times_s) < each.wanted]
    power.append((now_s, IDLE_W))
    return now_s


def _merged(power: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the changes of power alone."""
    merged: list[tuple[float, float]] = []
    for at_s, watts in power:
        if not merged or merged[-1][1] != watts:
            merged.append((at_s, watts))
    return merged


def _record(number: int, each: Served, windows: Sequence[Phase]) -> RequestRecord:
    due, times = ns(each.due_s), tuple(ns(at_s) for at_s in each.times_s)
    inside = (window.repeat for window in windows if window.start_unix_ns <= due < window.end_unix_ns)
    repeat = next(inside, None)
    return RequestRecord(
        request_id=f"q{number}",
        repeat=WARMUP_REPEAT if repeat is None else repeat,
        prompt_tokens=20,
        output_tokens=len(times),
        scheduled_unix_ns=due,
        sent_unix_ns=due,
        first_token_unix_ns=times[0],
        last_token_unix_ns=times[-1],
        closed_unix_ns=times[-1],
        chunk_unix_ns=times,
        chunk_tokens=(1,) * len(times),
        finish_reason="length",
    )
