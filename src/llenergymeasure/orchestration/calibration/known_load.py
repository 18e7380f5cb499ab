"""A known load: full or none, switched at times that are not synchronous with any sensor."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.calibration import LoadStep

SHORTEST_S = 20.0
"""Of the whole load; in shorter ones no sensor settles."""
SHORT_SHARE = 0.35
SHORT_STEP_S = (0.3, 1.5)
"""Steps both shorter and longer than the averaging windows of known sensors (10 ms to 1 s)."""
STEADY_STEPS = 10
SEED = 20250117


class Load(Protocol):
    """Work that keeps the metered devices busy."""

    description: str

    def run(self, seconds: float) -> None:
        """Keep every device busy for about so long, and return when they are idle again."""
        ...


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """A planned step of the load."""

    duration_s: float
    loaded: bool
    steady: bool


def plan_steps(duration_s: float) -> tuple[PlannedStep, ...]:
    """Return short steps of random length, then long ones; an idle step precedes each load."""
    draw = random.Random(SEED)
    steps: list[PlannedStep] = []
    left_s = SHORT_SHARE * duration_s
    while left_s > 2 * SHORT_STEP_S[1]:
        for loaded in (False, True):
            length_s = draw.uniform(*SHORT_STEP_S)
            steps.append(PlannedStep(duration_s=length_s, loaded=loaded, steady=False))
            left_s -= length_s
    long_s = (duration_s - sum(step.duration_s for step in steps)) / STEADY_STEPS
    steps += [
        PlannedStep(duration_s=long_s, loaded=number % 2 == 1, steady=True) for number in range(STEADY_STEPS)
    ]
    return tuple(steps)


def apply_load(
    load: Load, steps: Sequence[PlannedStep], clock: Clock, on_step: Callable[[int, PlannedStep], None]
) -> tuple[LoadStep, ...]:
    """Run the load through its steps and return them as they happened, without gaps; `on_step` comes before each."""
    done: list[LoadStep] = []
    started_ns = clock.now_ns()
    for number, step in enumerate(steps):
        on_step(number, step)
        (load.run if step.loaded else clock.sleep)(step.duration_s)
        ended_ns = clock.now_ns()
        done.append(
            LoadStep(start_unix_ns=started_ns, end_unix_ns=ended_ns, loaded=step.loaded, steady=step.steady)
        )
        started_ns = ended_ns
    return tuple(done)
