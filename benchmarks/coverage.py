"""How often the stated 95 % interval of a window contains the true energy, and how wide it is, sensor by sensor.

Two sets, apart: the simulators that margins were chosen on, and the independent generator (`benchmarks.judge`).
"""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict

from benchmarks.judge.cells import not_covered
from benchmarks.judge.judged import by_regularity, judge_in_step, judge_totals, judge_windows
from benchmarks.report import machine, write
from benchmarks.stated import Row, Stated, print_rows, rows_of

from tests.support.simulated_power import COUNTERS, POWER_ONLY, Sensor, random_run

SIGNALS = 504
LENGTHS_S = (1.0, 3.0, 10.0)
CHOSEN_ON = "the simulators that margins were chosen on"
INDEPENDENT = "the independent generator"
TOTALS = f"{INDEPENDENT}: totals of five windows of 1 s that begin with a prefill peak"
BY_REST = f"{TOTALS}, by rest and peak"
BY_REGULARITY = f"{TOTALS}, with rests: regular (the sampler keeps its period) or not"
IN_STEP = f"{INDEPENDENT}: loads in step with the sensor"
TITLES = {
    "v100": "V100: counter every 20 ms",
    "a100": "A100: counter every 100 ms",
    "h100 instant": "H100: counter every 20 ms, instant power beside it",
    "h100 average": "H100: the same, mean power over a second beside it",
    "gh200": "GH200: counter every 100 ms, instant power beside it",
    "rapl": "RAPL: counter every 1 ms",
}
POWER_TITLES = {
    "v100": "V100, power alone: 10 of every 20 ms",
    "a100": "A100, power alone: 25 of every 100 ms",
    "h100 instant": "H100, instant power alone: 25 of every 100 ms",
    "h100 average": "H100, power alone: mean over a second",
}


def main() -> None:
    """Print the tables and write `out/coverage.json`."""
    with ProcessPoolExecutor() as pool:
        chosen_on, windows = _chosen_on(pool), judge_windows(pool)
        totals, in_step = judge_totals(pool), judge_in_step(pool)
    tables = {
        CHOSEN_ON: rows_of(chosen_on),
        INDEPENDENT: rows_of(windows),
        BY_REST: rows_of(totals),
        BY_REGULARITY: rows_of(by_regularity(totals)),
        IN_STEP: rows_of(in_step),
    }
    write("coverage", {title: [_as_json(row) for row in rows] for title, rows in tables.items()})
    here = machine()
    print(f"\ncoverage ({here['cores']} cores, Python {here['python']}), without the gain of a board")
    for title, rows in tables.items():
        marks = {(row.sensor, row.windows): f"not covered: {why}" for row, why in _not_covered(rows)}
        print_rows(title, rows, marks)


def _chosen_on(pool: Executor) -> list[Stated]:
    """Return one window of each signal, for each sensor and length."""
    sensors = {TITLES[name]: sensor for name, sensor in COUNTERS.items()}
    sensors |= {POWER_TITLES[name]: sensor for name, sensor in POWER_ONLY.items()}
    cells = [
        pool.submit(_windows, title, sensor, length_s)
        for length_s in LENGTHS_S
        for title, sensor in sensors.items()
    ]
    return [each for cell in cells for each in cell.result()]


def _windows(title: str, sensor: Sensor, length_s: float) -> list[Stated]:
    found = []
    for seed in range(SIGNALS):
        run = random_run(sensor, seed, length_s)
        budget = run.budget()
        assert budget.half_width is not None
        found.append(
            Stated(
                sensor=title,
                windows=f"{length_s:.0f} s",
                error=budget.value / run.true_j - 1,
                half_width=budget.half_width / run.true_j,
                seed=seed,
            )
        )
    return found


def _not_covered(rows: list[Row]) -> list[tuple[Row, str]]:
    reasons = [(row, not_covered(row.sensor, row.windows)) for row in rows]
    return [(row, why) for row, why in reasons if why]


def _as_json(row: Row) -> dict[str, object]:
    return {**asdict(row), "not_covered": not_covered(row.sensor, row.windows)}


if __name__ == "__main__":
    main()
