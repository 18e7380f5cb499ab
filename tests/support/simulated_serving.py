"""Runs of an engine whose steps cost what a known linear model says, read by simulated sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution, attribute
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.simulators.signals import Steps
from tests.support.simulated_power import MARGIN_S, Sensor, read
from tests.support.synthetic import ns

COSTS_J = np.array([2.5, 0.02, 0.12, 4e-5, 85.0])
"""What a step, a prefill token, a decode token and a context token cost, and a second without a step."""
REST_S = 0.6
"""Between two windows."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Which requests are served, and how: lengths are drawn between the two limits."""

    slots: int = 8
    prompt_tokens: tuple[int, int] = (40, 700)
    output_tokens: tuple[int, int] = (10, 120)
    fills: bool = False
    """Whether a request that ends is replaced at once (continuous batching), or the batch ends first."""
    gap_s: tuple[float, float] = (0.001, 0.02)
    """Between two batches."""


@dataclass(kw_only=True)
class Running:
    """A request in a slot."""

    prompt: int
    wanted: int
    sent_s: float
    times_s: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Engine:
    """Serves a mix from `now_s` on, and keeps what it did."""

    mix: Mix
    rng: Generator
    now_s: float
    steps: list[StepRecord] = field(default_factory=list)
    requests: list[RequestRecord] = field(default_factory=list)
    power: list[tuple[float, float]] = field(default_factory=list)

    def serve(self, until_s: float, repeat: int) -> None:
        """Serve from now until the first batch that ends at `until_s` or later."""
        running: list[Running] = []
        while self.now_s < until_s or running:
            joining = self._joining(running) if self.now_s < until_s else []
            if not running and not joining:
                break
            running = self._step(running, joining, repeat)
            if not running:
                self.now_s += float(self.rng.uniform(*self.mix.gap_s))

    def _joining(self, running: Sequence[Running]) -> list[Running]:
        free = self.mix.slots - len(running) if self.mix.fills or not running else 0
        return [
            Running(
                prompt=int(self.rng.integers(*self.mix.prompt_tokens, endpoint=True)),
                wanted=int(self.rng.integers(*self.mix.output_tokens, endpoint=True)),
                sent_s=self.now_s,
            )
            for _ in range(free)
        ]

    def _step(self, running: Sequence[Running], joining: Sequence[Running], repeat: int) -> list[Running]:
        together = [*running, *joining]
        prefill, decode = sum(each.prompt for each in joining), len(running)
        context = sum(each.prompt + len(each.times_s) for each in together)
        lasts_s = (0.009 + 5e-5 * prefill + 3e-4 * decode) * float(self.rng.uniform(0.95, 1.05))
        start_s, self.now_s = self.now_s, self.now_s + lasts_s
        energy_j = float(np.array([1, prefill, decode, context]) @ COSTS_J[:4])
        self.power += [(start_s, energy_j / lasts_s), (self.now_s, float(COSTS_J[4]))]
        self.steps.append(
            StepRecord(
                start_unix_ns=ns(start_s),
                end_unix_ns=ns(self.now_s),
                prefill_tokens=prefill,
                decode_tokens=decode,
                requests=len(together),
                context_tokens=context,
            )
        )
        for each in together:
            each.times_s.append(self.now_s)
        ended = [each for each in together if len(each.times_s) >= each.wanted]
        self.requests += [self._record(each, repeat) for each in ended]
        return [each for each in together if len(each.times_s) < each.wanted]

    def _record(self, each: Running, repeat: int) -> RequestRecord:
        times = tuple(ns(at_s) for at_s in each.times_s)
        return RequestRecord(
            request_id=f"r{len(self.requests)}",
            repeat=repeat,
            prompt_tokens=each.prompt,
            output_tokens=len(times),
            scheduled_unix_ns=ns(each.sent_s),
            sent_unix_ns=ns(each.sent_s),
            first_token_unix_ns=times[0],
            last_token_unix_ns=times[-1],
            closed_unix_ns=times[-1],
            chunk_unix_ns=times,
            chunk_tokens=(1,) * len(times),
            finish_reason="length",
        )


@dataclass(frozen=True, kw_only=True)
class ServedRun:
    """What a run of the engine left behind."""

    trace: EnergyTrace
    phases: tuple[Phase, ...]
    requests: RequestTable
    steps: StepTable
    power: Steps

    def attribution(self) -> Attribution:
        """Return its attribution, which must be possible."""
        found = attribute(EnergyAccount(self.trace), self.phases, self.requests, self.steps)
        assert isinstance(found, Attribution), found
        return found


def serve(
    mix: Mix, seed: int, sensor: Sensor, *, windows: int = 3, window_s: float = 8.0, idle_s: float = 3.0
) -> ServedRun:
    """Return a run: an idle baseline, then windows in which the engine serves the same requests."""
    rng = np.random.default_rng(seed)
    start_s = MARGIN_S + float(rng.uniform(0, 1))
    phases = [
        Phase(name="baseline_loaded", start_unix_ns=ns(start_s), end_unix_ns=ns(start_s + idle_s)),
    ]
    engine = Engine(mix=mix, rng=rng, now_s=start_s + idle_s)
    for repeat in range(windows):
        engine.now_s += REST_S * float(rng.uniform(0.5, 1.5))
        begin_s = engine.now_s
        engine.rng = np.random.default_rng([seed, 1])  # repeats send the same requests
        engine.serve(begin_s + window_s, repeat)
        end_s = engine.steps[-1].end_unix_ns
        phases.append(Phase(name="window", start_unix_ns=ns(begin_s), end_unix_ns=end_s, repeat=repeat))
    power = Steps(float(COSTS_J[4]), engine.power)
    return ServedRun(
        trace=read(sensor, power, engine.now_s + MARGIN_S, rng),
        phases=tuple(phases),
        requests=RequestTable.from_records(engine.requests),
        steps=StepTable.from_records(engine.steps),
        power=power,
    )


def serve_steps(mix: Mix, seed: int, until_s: float = 3.0) -> StepTable:
    """Return the steps alone of some seconds of a mix, without a sensor."""
    engine = Engine(mix=mix, rng=np.random.default_rng([seed, 2]), now_s=0.0)
    engine.serve(until_s, 0)
    return StepTable.from_records(engine.steps)
