"""All intervals that the judge looks at: windows by sensor and length, and totals of five windows."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from itertools import product

from benchmarks.judge.cells import IN_STEP, LENGTHS_S, PEAKS_S, RESTS_S, SENSORS
from benchmarks.judge.sampler import PLAIN
from benchmarks.judge.sensors import Sensor
from benchmarks.judge.verdict import judge_rested, judge_served, judge_total
from benchmarks.stated import Stated

RUNS = 60
"""Without rests for each sensor, with rests for each sensor and length; four windows of each length in a run."""
TOTALS = 60
"""For each sensor, peak and rest."""


def judge_windows(pool: Executor, runs: int = RUNS) -> list[Stated]:
    """Judge windows of each sensor and length."""
    found = pool.map(_windows, *zip(*product(SENSORS, range(runs)), strict=True), chunksize=4)
    return _by_length(each for some in found for each in some)


def judge_in_step(pool: Executor, runs: int = RUNS) -> list[Stated]:
    """Judge windows of loads in step with their sensor."""
    found = pool.map(_in_step, *zip(*product(IN_STEP, range(runs)), strict=True), chunksize=4)
    windows = _by_length(each for some in found for each in some)
    return [replace(each, windows=f"{each.windows}, {each.signal}") for each in windows]


def judge_totals(pool: Executor, totals: int = TOTALS) -> list[Stated]:
    """Judge totals of each sensor, peak and rest."""
    cells = product(SENSORS, RESTS_S, PEAKS_S, range(totals))
    return list(pool.map(judge_total, *zip(*cells, strict=True), chunksize=20))


def by_regularity(totals: Iterable[Stated]) -> list[Stated]:
    """Return the totals of windows with rests, apart by whether the sampler keeps its period."""
    rested = [each for each in totals if not each.windows.startswith("rest none")]
    regular = [each.conditions == PLAIN for each in rested]
    return [
        replace(each, windows="regular" if is_regular else "irregular")
        for each, is_regular in sorted(zip(rested, regular, strict=True), key=lambda pair: not pair[1])
    ]


def _windows(sensor: Sensor, seed: int) -> list[Stated]:
    with_rests = [each for length_s in LENGTHS_S for each in judge_rested(sensor, length_s, seed)]
    return [*with_rests, *judge_served(sensor, seed)]


def _in_step(cell: tuple[Sensor, str], seed: int) -> list[Stated]:
    sensor, signal = cell
    return list(judge_served(sensor, seed, signal))


def _by_length(windows: Iterable[Stated]) -> list[Stated]:
    order = [f"{length_s:.0f} s" for length_s in LENGTHS_S]
    return sorted(windows, key=lambda each: order.index(each.windows))
