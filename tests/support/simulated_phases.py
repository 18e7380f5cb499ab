"""Runs on simulated sensors whose power differs by phase: batches of prefill and decode steps, and what each drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.attribution.phases.split import PhaseShares, SplitEnergies, split_phases
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from tests.simulators.signals import Steps
from tests.support.simulated_power import MARGIN_S, Sensor, read
from tests.support.synthetic import ns

REQUESTS = 4
PROMPT_TOKENS = 200


@dataclass(frozen=True, kw_only=True)
class Load:
    """Batches as they follow each other, and the power of each phase."""

    batches: int = 200
    prefill_s: float = 0.02
    decode_s: float = 0.5
    rest_s: float = 0.0
    step_s: float = 0.02
    varies: float = 0.05
    """Each duration is uniform within this share of the stated one."""
    prefill_w: float = 420.0
    decode_w: float = 290.0
    rest_w: float = 100.0
    grows: float = 0.0
    """Relative rise of the power of decoding from the first step of a batch to its last."""
    bends: float = 0.0
    """Of that rise: how much of it comes in the first steps (0: evenly; 1: all in a square root)."""
    prefill_scatters: float = 0.0
    decode_scatters: float = 0.0
    """Relative standard deviations of both powers from batch to batch."""


@dataclass(frozen=True, kw_only=True)
class PhasedRun:
    """A trace with the steps behind it, and the energies that prefill, decode and rest really took, shape (3,)."""

    trace: EnergyTrace
    steps: StepTable
    windows: tuple[Phase, ...]
    true_j: NDArray[np.float64]

    def split(
        self, steps: StepTable | None = None, shares: PhaseShares | str = "no model was fitted"
    ) -> SplitEnergies:
        """Return the split of the energy of the window by its steps, or by others."""
        account = EnergyAccount(self.trace)
        rows = window_totals(account, self.windows, RequestTable.empty())
        steps = self.steps if steps is None else steps
        return split_phases(account, rows, RequestTable.empty(), steps, shares)


@dataclass
class _Course:
    """Power and steps of a load as they come."""

    at_s: float
    power: list[tuple[float, float]] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)
    true_j: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def draw(self, phase: int, duration_s: float, power_w: float, **tokens: int) -> None:
        """Draw a power for some time; with tokens it is a step."""
        if duration_s <= 0:
            return
        self.power.append((self.at_s, power_w))
        self.true_j[phase] += power_w * duration_s
        start_s, self.at_s = self.at_s, self.at_s + duration_s
        if tokens:
            counts = {"prefill_tokens": 0, "decode_tokens": 0, "requests": REQUESTS, **tokens}
            times = {"start_unix_ns": ns(start_s), "end_unix_ns": ns(self.at_s)}
            self.steps.append(StepRecord(**times, **counts))


def phased_run(sensor: Sensor, load: Load, seed: int, *, cards: int = 1, **channel: Any) -> PhasedRun:
    """Return a run of one window that holds all batches, on cards that draw alike; the seed decides everything else."""
    rng = np.random.default_rng(seed)
    start_s = MARGIN_S + float(rng.uniform(0, 0.2))
    course = _Course(at_s=start_s)
    for _ in range(load.batches):
        _add_batch(course, load, rng)
    power = Steps(load.rest_w, [*course.power, (course.at_s, load.rest_w)])
    window = Phase(name="window", start_unix_ns=ns(start_s), end_unix_ns=ns(course.at_s), repeat=0)
    return PhasedRun(
        trace=_together([read(sensor, power, course.at_s + MARGIN_S, rng, **channel) for _ in range(cards)]),
        steps=StepTable.from_records(course.steps),
        windows=(window,),
        true_j=cards * course.true_j,
    )


def _together(traces: Sequence[EnergyTrace]) -> EnergyTrace:
    """Return traces of one channel each as one, of numbered devices."""
    by_channel = [trace.of(0).copy() for trace in traces]
    for number, samples in enumerate(by_channel):
        samples["channel"] = number
    channels = [
        trace.channels[0].model_copy(update={"device": f"{trace.channels[0].device}-{number}"})
        for number, trace in enumerate(traces)
    ]
    return EnergyTrace(channels=channels, by_channel=by_channel)


def _add_batch(course: _Course, load: Load, rng: Generator) -> None:
    prefill_s, decode_s, rest_s = (
        each * float(rng.uniform(1 - load.varies, 1 + load.varies))
        for each in (load.prefill_s, load.decode_s, load.rest_s)
    )
    prefill_w = load.prefill_w * (1 + load.prefill_scatters * float(rng.normal()))
    decode_w = load.decode_w * (1 + load.decode_scatters * float(rng.normal()))
    context = REQUESTS * PROMPT_TOKENS
    course.draw(0, prefill_s, prefill_w, prefill_tokens=context, context_tokens=context)
    count = max(1, round(decode_s / load.step_s)) if decode_s > 0 else 0
    for number in range(count):
        place = (number + 0.5) / count
        risen = (1 - load.bends) * place + load.bends * place**0.5
        context += REQUESTS
        course.draw(
            1,
            decode_s / count,
            decode_w * (1 + load.grows * risen),
            decode_tokens=REQUESTS,
            context_tokens=context,
        )
    course.draw(2, rest_s, load.rest_w)
