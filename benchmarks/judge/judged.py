"""All intervals that the judge looks at: windows by sensor and length, and totals of five windows."""

from __future__ import annotations

from concurrent.futures import Executor
from itertools import product

from benchmarks.judge.cells import LENGTHS_S, PEAKS_S, RESTS_S, SENSORS
from benchmarks.judge.sensors import Sensor
from benchmarks.judge.verdict import judge_rested, judge_served, judge_total
from benchmarks.stated import Stated

RUNS = 60
"""Without rests for each sensor, with rests for each sensor and length; four windows of each length in a run."""
TOTALS = 100
"""For each sensor, peak and rest."""


def judge_windows(pool: Executor, runs: int = RUNS) -> list[Stated]:
    """Judge windows of each sensor and length."""
    found = pool.map(_windows, *zip(*product(SENSORS, range(runs)), strict=True), chunksize=4)
    windows = [each for some in found for each in some]
    order = {f"{length_s:.0f} s": length_s for length_s in LENGTHS_S}
    return sorted(windows, key=lambda each: order[each.windows])


def judge_totals(pool: Executor, totals: int = TOTALS) -> list[Stated]:
    """Judge totals of each sensor, peak and rest."""
    cells = product(SENSORS, RESTS_S, PEAKS_S, range(totals))
    return list(pool.map(judge_total, *zip(*cells, strict=True), chunksize=20))


def _windows(sensor: Sensor, seed: int) -> list[Stated]:
    with_rests = [each for length_s in LENGTHS_S for each in judge_rested(sensor, length_s, seed)]
    return [*with_rests, *judge_served(sensor, seed)]
