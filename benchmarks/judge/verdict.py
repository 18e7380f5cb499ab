"""What the library states about runs of the generator, beside the truth; no other module here knows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from benchmarks.judge.cells import LENGTHS_S, PEAKS_S, RESTS_S
from benchmarks.judge.runs import Course, read, repeats, rested, served
from benchmarks.judge.sensors import Sensor
from benchmarks.readings import one_channel, unix_ns
from benchmarks.stated import RESTS, SERVED, Stated

from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.uncertainty.budget import Series, energy_budget

WINDOWS_A_RUN = 4
"""Of each length."""


def judge_rested(sensor: Sensor, length_s: float, seed: int) -> Iterator[Stated]:
    """Judge windows of one length, with a rest before and after each."""
    rng = _rng(sensor.name, RESTS, str(length_s), seed)
    yield from _windows(rng, rested(rng, length_s, WINDOWS_A_RUN), sensor, RESTS, seed)


def judge_served(sensor: Sensor, seed: int, signal: str | None = None) -> Iterator[Stated]:
    """Judge windows of all lengths, of a load that never rests: a random one, or that given."""
    rng = _rng(sensor.name, SERVED, seed)
    yield from _windows(rng, served(rng, LENGTHS_S * WINDOWS_A_RUN, signal), sensor, SERVED, seed)


def judge_total(sensor: Sensor, rest: str, peak: str, seed: int) -> Stated:
    """Judge the total energy of five windows that begin with a prefill peak."""
    rng = _rng(sensor.name, rest, peak, seed)
    course = repeats(rng, PEAKS_S[peak], RESTS_S[rest])
    account, conditions = _account(rng, course, sensor)
    phases = [
        Phase(name="window", start_unix_ns=int(start_ns), end_unix_ns=int(end_ns), repeat=number)
        for number, (start_ns, end_ns) in enumerate(unix_ns(course.windows_s))
    ]
    rows = [
        WindowTotals(window=each, energy=account.energy(each), uncertainty=account.uncertainty(each))
        for each in phases
    ]
    found_j, half_width_j = _total(rows)
    true_j = float(course.true_j.sum())
    return Stated(
        sensor=sensor.name,
        windows=f"rest {rest}, {peak}",
        signal=course.signal,
        conditions=conditions,
        seed=seed,
        error=found_j / true_j - 1,
        half_width=half_width_j / true_j,
    )


def _total(rows: Sequence[WindowTotals]) -> tuple[float, float]:
    """Return the energy of all windows and its half-width without the gain; NaN where one is unknown."""
    known_j = [row.energy.energy_j for row in rows if row.energy.energy_j is not None]
    if len(known_j) < len(rows):
        return math.nan, math.nan
    shares = [1 / len(rows)] * len(rows)
    series = Series(figure="total", unit="J", numerators=known_j, denominators=shares)
    budget = energy_budget(series, rows)
    return budget.value, math.hypot(*(term.half_width for term in budget.terms if term.name != "gain"))


def _windows(
    rng: np.random.Generator, course: Course, sensor: Sensor, kind: str, seed: int
) -> Iterator[Stated]:
    account, conditions = _account(rng, course, sensor)
    edges = unix_ns(course.windows_s[:, 0]), unix_ns(course.windows_s[:, 1])
    energy_j, uncertainty = account.energies(*edges)[0].energy_j, account.uncertainties(*edges)[0]
    without_gain_j = np.hypot(uncertainty.random_j, uncertainty.linearity_alike_j)
    lengths_s = np.diff(course.windows_s)[:, 0]
    for found_j, half_width_j, true_j, length_s in zip(
        energy_j, without_gain_j, course.true_j, lengths_s, strict=True
    ):
        yield Stated(
            sensor=sensor.name,
            windows=f"{min(LENGTHS_S, key=lambda each: abs(each - length_s)):.0f} s",
            kind=kind,
            signal=course.signal,
            conditions=conditions,
            seed=seed,
            error=float(found_j / true_j - 1),
            half_width=float(half_width_j / true_j),
        )


def _account(rng: np.random.Generator, course: Course, sensor: Sensor) -> tuple[EnergyAccount, str]:
    run = read(rng, course, sensor)
    stated_s = None if sensor.power is None else sensor.power.stated_s
    trace = one_channel(run.samples.t_s, run.samples.power_w, run.samples.energy_j, stated_s)
    return EnergyAccount(trace, unix_ns(course.quiet_s)), run.conditions


def _rng(*names: object) -> np.random.Generator:
    return np.random.default_rng([crc32(str(each).encode()) for each in names])
