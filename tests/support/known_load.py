"""A planned load on a virtual clock, and what a simulated card's sensors make of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from llenergymeasure.domain.calibration import LoadStep
from llenergymeasure.domain.sample import RECORD, Sample
from llenergymeasure.domain.trace import Channel, EnergyTrace, sample_dtype
from llenergymeasure.metrics.calibration.sensor_profile import (
    Calibration,
    CalibrationOrigin,
    calibrate_sensors,
)
from llenergymeasure.orchestration.calibration.known_load import plan_steps
from tests.simulators.nvml.machine import SimulatedGpu
from tests.simulators.nvml.sensors import energy_mj, power_mw
from tests.simulators.signals import Steps

BASE_NS = 1_700_000_000_000_000_000
IDLE_W, LOADED_W = 90.0, 430.0
LEAD_S = 3.0
STAMP = CalibrationOrigin(made_unix_ns=BASE_NS, tool_version="0", load="a virtual load")


@lru_cache
def load_steps(duration_s: float = 150.0) -> tuple[LoadStep, ...]:
    """Return the steps as planned, from `LEAD_S` on."""
    steps, at_s = [], LEAD_S
    for planned in plan_steps(duration_s):
        until_s = at_s + planned.duration_s
        steps.append(
            LoadStep(
                start_unix_ns=BASE_NS + round(at_s * 1e9),
                end_unix_ns=BASE_NS + round(until_s * 1e9),
                loaded=planned.loaded,
                steady=planned.steady,
            )
        )
        at_s = until_s
    return tuple(steps)


def load_power(steps: Sequence[LoadStep], idle_w: float = IDLE_W, loaded_w: float = LOADED_W) -> Steps:
    """Return the true power of a card under the load."""
    levels = [((step.start_unix_ns - BASE_NS) / 1e9, loaded_w if step.loaded else idle_w) for step in steps]
    return Steps(idle_w, [*levels, ((steps[-1].end_unix_ns - BASE_NS) / 1e9, idle_w)])


def boosting_power(steps: Sequence[LoadStep]) -> Steps:
    """Return power as real cards draw it: it rises to 72 % at once and fully when clocks have, and falls in steps."""
    draw = random.Random(3)
    found: list[tuple[float, float]] = []
    for step in steps:
        start_s, end_s = ((edge - BASE_NS) / 1e9 for edge in (step.start_unix_ns, step.end_unix_ns))
        after_s = [(0.0, 0.72), (draw.uniform(0.12, 0.22), 1.0)]
        if not step.loaded:
            after_s = [(0.0, 0.75), (0.03, 0.4), (0.06, 0.12), (2.0, 0.0)]
        found += [
            (start_s + late_s, IDLE_W + share * (LOADED_W - IDLE_W))
            for late_s, share in after_s
            if start_s + late_s < end_s
        ]
    return Steps(IDLE_W, found)


def load_trace(make: Callable[..., SimulatedGpu], *, seed: int = 1, **fields: Any) -> EnergyTrace:
    """Return the trace of one card, read at random as the sampler does, by its instant reading if it has one."""
    gpu = make(**{"power": load_power(load_steps()), **fields})
    sensor = gpu.instant or gpu.usage
    ends_s = (load_steps()[-1].end_unix_ns - BASE_NS) / 1e9 + 1.0
    t_s = np.cumsum(np.random.default_rng(seed).uniform(0.25, 1.75, round(ends_s / 0.02))) * 0.02
    packed = b"".join(
        RECORD.pack(
            *Sample(
                0,
                BASE_NS + round(t * 1e9),
                energy_j=energy_mj(gpu, t) / 1e3 if gpu.counter else np.nan,
                power_w=power_mw(gpu, sensor, t) / 1e3 if sensor else np.nan,
            )
        )
        for t in t_s.tolist()
    )
    channel = Channel(
        meter="nvml",
        domain="gpu",
        device=gpu.uuid,
        label="GPU 0",
        method="counter" if gpu.counter else "sampled",
        relative_error=0.05,
    )
    return EnergyTrace(channels=(channel,), samples=np.frombuffer(packed, dtype=sample_dtype()))


def calibrated(make: Callable[..., SimulatedGpu], **fields: Any) -> Calibration:
    """Return what calibration finds out about the card."""
    return calibrate_sensors(load_trace(make, **fields), load_steps(), STAMP)
