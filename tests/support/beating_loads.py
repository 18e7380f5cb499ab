"""Loads that repeat themselves nearly in step with a sensor that sees a part of the time only."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.checks.beating_load import check_load_does_not_beat
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import Baselines
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.breakdown import energy_breakdown
from tests.simulators.signals import Signal, Square, Steps
from tests.support.simulated_power import MARGIN_S, POWER_ONLY, Run, read
from tests.support.synthetic import ns

PERIOD_S = {"a100": 0.1, "h100 instant": 0.1}
"""Of the power readings."""
WARMUP_S, PAUSE_S = 5.0, 0.4
NEAREST, FARTHEST = 0.002, 0.03
"""How far the load's period is from a multiple of the sensor's, as a fraction."""


def beating_run(sensor: str, seed: int, window_s: float, n_windows: int) -> Run:
    """Return a run whose load goes round in nearly a half, one, two or three periods of the sensor.

    Before the windows lies a warm-up of the same load.
    """
    rng = np.random.default_rng(seed)
    start_s = MARGIN_S + WARMUP_S + rng.uniform(0, 1)
    starts_s = [start_s + number * (window_s + PAUSE_S) for number in range(n_windows)]
    windows = [(each, each + window_s) for each in starts_s]
    off = math.exp(rng.uniform(math.log(NEAREST), math.log(FARTHEST))) * rng.choice([-1, 1])
    period_s = PERIOD_S[sensor] * float(rng.choice([0.5, 1, 2, 3])) * (1 + off)
    until_s = windows[-1][1] + MARGIN_S
    power = (_square if seed % 2 else _steps_of_prefill)(rng, period_s, until_s)
    return Run(trace=read(POWER_ONLY[sensor], power, until_s, rng), windows=windows, power=power)


def warnings_of(run: Run, warmup_s: float = 0.0, requests: RequestTable | None = None) -> list[RunWarning]:
    """Return what the check of beating loads says of a run that was warmed up for so long before its first window."""
    phases = [
        Phase(name="window", start_unix_ns=ns(start), end_unix_ns=ns(end), repeat=number)
        for number, (start, end) in enumerate(run.windows)
    ]
    begin_s = run.windows[0][0]
    warmup = Phase(name="warmup", start_unix_ns=ns(begin_s - warmup_s), end_unix_ns=ns(begin_s))
    account = EnergyAccount(run.trace)
    inputs = CheckInputs(
        config=ExperimentConfig(model="any"),
        rows=window_totals(account, phases, RequestTable.empty()),
        energy=energy_breakdown(account, phases, Baselines()),
        account=account,
        requests=RequestTable.empty() if requests is None else requests,
        phases=[warmup, *phases],
    )
    return list(check_load_does_not_beat(inputs))


def _square(rng: Generator, period_s: float, _until_s: float) -> Signal:
    return Square(
        low=rng.uniform(60, 200),
        high=rng.uniform(220, 650),
        period_s=period_s,
        duty=rng.uniform(0.1, 0.9),
        phase_s=rng.uniform(0, period_s),
    )


def _steps_of_prefill(rng: Generator, period_s: float, until_s: float) -> Signal:
    """Return batches of equal length: a peak of prefill, then decoding."""
    peak_w, decode_w = float(rng.uniform(350, 650)), float(rng.uniform(120, 300))
    prefill_s = float(rng.uniform(0.1, 0.5)) * period_s
    begin_s = np.arange(rng.uniform(0, period_s), until_s, period_s)
    steps = [step for at in begin_s for step in ((float(at), peak_w), (float(at) + prefill_s, decode_w))]
    return Steps(decode_w, steps)
