"""The simulated cards of the accuracy benchmark: every sensor under every course of power, all phases random."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.simulators.nvml.machine import EnergyCounter, NvmlMachine, PowerSensor, SimulatedGpu
from tests.simulators.nvml.profiles import a100, gh200, h100, v100
from tests.simulators.signals import Constant, Signal, Square, bursts

CARDS_PER_CELL = 2
NOISE_W = 1.0
"""Of each published power reading; without any, a steady card would read the same for ever, as none does."""
BASE_W = 90.0
BURST_S, PAUSE_S, BURST_W = (0.05, 0.5), (0.1, 1.0), (250.0, 650.0)
BURSTS_UNTIL_S = 90.0
"""Longer than any session with the start of its tools."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of card; `tick_s` is how often its energy counter moves, None where it has none."""

    name: str
    make: Callable[..., SimulatedGpu]
    tick_s: float | None
    fields: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a row of the table stands for."""

    profile: Profile
    course: str

    @property
    def name(self) -> str:
        return f"{self.profile.name}, {self.course}"


PROFILES = (
    Profile(name="V100, counter 20 ms", make=v100, tick_s=0.02, fields={}),
    Profile(name="A100, counter 100 ms", make=a100, tick_s=0.1, fields={}),
    Profile(name="H100, counter 20 ms", make=h100, tick_s=0.02, fields={}),
    Profile(name="GH200, counter 100 ms", make=gh200, tick_s=0.1, fields={}),
    Profile(
        name="P100, power 10 of 20 ms",
        make=v100,
        tick_s=None,
        fields={
            "name": "Tesla P100-SXM2-16GB",
            "capability": (6, 0),
            "instant": PowerSensor(window_s=0.01, period_s=0.02),
        },
    ),
    Profile(name="A100, power 25 of 100 ms", make=a100, tick_s=None, fields={}),
    Profile(name="H100, power 25 of 100 ms", make=h100, tick_s=None, fields={}),
    Profile(name="H100, power mean of 1 s", make=h100, tick_s=None, fields={"instant": None}),
)
"""The four of tests/simulators/nvml/profiles.py; a P100, which has no counter; and two of them without theirs, as in
a virtual machine, the H100 also under a driver that is too old to give more than the mean of a second."""
P100 = PROFILES[4]
COURSES = ("constant", "square", "bursty")
CELLS = tuple(Cell(profile=profile, course=course) for profile in PROFILES for course in COURSES)


def draw_machine(rng: random.Random, cells: tuple[Cell, ...]) -> NvmlMachine:
    """Return a machine with one card per cell given, in order; its time begins now."""
    return NvmlMachine(gpus=tuple(_card(rng, number, cell) for number, cell in enumerate(cells)))


def _card(rng: random.Random, number: int, cell: Cell) -> SimulatedGpu:
    profile = cell.profile
    counter = (
        EnergyCounter(period_s=profile.tick_s, phase_s=rng.uniform(0, profile.tick_s))
        if profile.tick_s
        else None
    )
    card = profile.make(
        uuid=f"GPU-7d0c3b52-18f4-4a6e-9c21-{number:012x}",
        pci_bus=number + 1,
        power=_course(rng, cell.course),
        counter=counter,
        noise_w=NOISE_W,
        noise_seed=rng.randrange(1, 1 << 40),
        **profile.fields,
    )
    phase = rng.random()
    return replace(
        card, **{name: _shift(getattr(card, name), phase) for name in ("usage", "instant", "average")}
    )


def _shift(sensor: PowerSensor | None, phase: float) -> PowerSensor | None:
    return None if sensor is None else replace(sensor, phase_s=phase * sensor.period_s)


def _course(rng: random.Random, name: str) -> Signal:
    if name == "constant":
        return Constant(rng.uniform(150, 450))
    if name == "square":
        return Square(low=80.0, high=420.0, period_s=0.7, phase_s=rng.uniform(0, 0.7))
    each, at_s = [], rng.uniform(*PAUSE_S)
    while at_s < BURSTS_UNTIL_S:
        duration_s = _log_uniform(rng, *BURST_S)
        each.append((at_s, duration_s, rng.uniform(*BURST_W)))
        at_s += duration_s + _log_uniform(rng, *PAUSE_S)
    return bursts(BASE_W, each)


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())
