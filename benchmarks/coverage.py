"""How often the stated 95 % interval of a window contains the true energy, and how wide it is, sensor by sensor."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.report import machine, write

from tests.support.simulated_power import COUNTERS, POWER_ONLY, Sensor, random_run

SIGNALS = 504
LENGTHS_S = (1.0, 3.0, 10.0)
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """Windows of one length: the share of intervals that contain the true energy, and half-widths relative to it."""

    sensor: str
    length_s: float
    signals: int
    covered: float
    median_half_width: float
    p95_half_width: float


def main() -> None:
    """Print the table and write `out/coverage.json`."""
    sensors = {TITLES[name]: sensor for name, sensor in COUNTERS.items()}
    sensors |= {POWER_TITLES[name]: sensor for name, sensor in POWER_ONLY.items()}
    with ProcessPoolExecutor() as pool:
        found = [
            pool.submit(_row, title, sensor, length_s)
            for length_s in LENGTHS_S
            for title, sensor in sensors.items()
        ]
        rows = [each.result() for each in found]
    write("coverage", {"rows": [asdict(row) for row in rows]})
    here = machine()
    print(
        f"\ncoverage ({here['cores']} cores, Python {here['python']}; {SIGNALS} random signals a row, exact gain)"
    )
    print(f"{'':52} {'window':>7} {'covered':>8} {'half-width: median':>19} {'95th pct.':>10}")
    for row in rows:
        print(
            f"{row.sensor:52} {row.length_s:5.0f} s {row.covered:8.1%} "
            f"{row.median_half_width:19.2%} {row.p95_half_width:10.2%}"
        )


def _row(title: str, sensor: Sensor, length_s: float) -> Row:
    covered, widths = [], []
    for seed in range(SIGNALS):
        run = random_run(sensor, seed, length_s)
        budget = run.budget()
        assert budget.half_width is not None
        covered.append(abs(budget.value - run.true_j) <= budget.half_width)
        widths.append(budget.half_width / run.true_j)
    return Row(
        sensor=title,
        length_s=length_s,
        signals=SIGNALS,
        covered=float(np.mean(covered)),
        median_half_width=float(np.median(widths)),
        p95_half_width=float(np.quantile(widths, 0.95)),
    )


if __name__ == "__main__":
    main()
