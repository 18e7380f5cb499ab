"""How often the figures of served traffic are right, on a simulated engine of known capacity and power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.report import end_interrupted, machine, write

from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.energies import ENERGY_PER_REQUEST
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.serving.summary import summarise_serving
from llenergymeasure.metrics.serving.objectives import attainments, judge, limits_of
from llenergymeasure.metrics.serving.saturation import growth
from llenergymeasure.metrics.serving.steady_part import steady_windows
from tests.support.simulated_power import COUNTERS
from tests.support.simulated_queue import Engine, open_traffic
from tests.support.synthetic import sample_times, trace_of

RUNS = 40
SHARES = (0.3, 0.6, 0.8, 0.9, 0.95, 1.1, 1.2, 1.5)
LADDER = (0.4, 0.7, 1.0, 1.3)
LADDERS = 20
WINDOW_S = 15.0
TRUTH_S = 4000.0
SLO = SloConfig(ttft_s=0.2, percentile=95.0)
SENSORS = ("v100", "a100", "rapl")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found at one load, over all runs."""

    share: float
    """Of the capacity."""
    cut: float
    """Fraction of the windows that were not taken whole."""
    over_saturated: float
    """Fraction of the runs."""
    attainment: float
    """In the long run."""
    attainment_covered: float
    """Fraction of the runs whose interval contains it."""
    attainment_half_width: float
    energy_error: float
    """The largest relative error of the energy per request against the true one of the same windows."""
    energy_covered: float
    """Fraction of the runs whose interval contains the true one."""


def row(share: float, runs: int = RUNS) -> Row:
    """Return what was found at a load."""
    rate = share * Engine().capacity_per_s
    truth = open_traffic([rate], 10_000, windows=1, window_s=TRUTH_S)
    true_fraction = _attainment(truth.requests, truth.phases).value
    cut, over, covered, widths, errors, in_energy = [], [], [], [], [], []
    for seed in range(runs):
        traffic = open_traffic([rate], seed, window_s=WINDOW_S)
        cut += [each.rule != "whole" for each in steady_windows(traffic.phases, traffic.requests).parts]
        over.append(growth(traffic.requests, traffic.phases).is_over_saturated)
        found = _attainment(traffic.requests, traffic.phases)
        low, high = float(found.low or 0.0), float(found.high or 0.0)
        covered.append(low <= true_fraction <= high)
        widths.append((high - low) / 2)
        account = EnergyAccount(traffic.trace(COUNTERS[SENSORS[seed % len(SENSORS)]], seed))
        rows = window_totals(account, traffic.phases, traffic.requests)
        energy = ENERGY_PER_REQUEST.compute(
            ENERGY_PER_REQUEST, FigureInputs(rows=rows, method="counter", requests=traffic.requests)
        )
        assert isinstance(energy, UncertaintyBudget)
        true_j = sum(map(traffic.true_j, traffic.phases)) / sum(len(each.served) for each in rows)
        errors.append(abs(energy.value / true_j - 1))
        in_energy.append(abs(energy.value - true_j) <= (energy.half_width or 0.0))
    return Row(
        share=share,
        cut=float(np.mean(cut)),
        over_saturated=float(np.mean(over)),
        attainment=float(true_fraction),
        attainment_covered=float(np.mean(covered)),
        attainment_half_width=float(np.mean(widths)),
        energy_error=max(errors),
        energy_covered=float(np.mean(in_energy)),
    )


def knees(runs: int = LADDERS) -> list[tuple[float, bool]]:
    """Return the knee of each ladder, relative to the capacity, and whether its interval contains that."""
    capacity = Engine().capacity_per_s
    rates = [share * capacity for share in LADDER]
    found = []
    for seed in range(runs):
        traffic = open_traffic(rates, seed, window_s=WINDOW_S)
        account = EnergyAccount(trace_of(sample_times(1.0)))
        rows = window_totals(account, traffic.phases, traffic.requests)
        inputs = FigureInputs(rows=rows, requests=traffic.requests)
        knee = summarise_serving(inputs, rows, (), rates, can_grow=True).knee
        if knee is not None and knee.load is not None:
            low, high = float(knee.load.low or 0.0), float(knee.load.high or 0.0)
            found.append((float(knee.load.value) / capacity, low <= capacity <= high))
    return found


def _attainment(requests: RequestTable, phases: Sequence[Phase]) -> Estimate:
    together = attainments(requests, judge(requests, limits_of(SLO)), phases, SLO)[-1]
    assert together.fraction is not None
    return together.fraction


def main() -> None:
    """Print the table as its rows come, and write `out/serving.json`; Ctrl-C ends it early."""
    here = machine()
    print(f"\nserved traffic, {RUNS} runs a row ({here['cores']} cores, Python {here['python']})")
    print(
        "  load    windows cut    over-saturated    attainment (covered, half-width)    energy: error, covered"
    )
    rows: list[Row] = []
    try:
        for share in SHARES:
            rows.append(row(share))
            print(_line(rows[-1]), flush=True)
        found = knees()
    except KeyboardInterrupt:
        end_interrupted("serving", len(rows) * RUNS, {"rows": [asdict(each) for each in rows]})
    _print_knees(found)
    write("serving", {"rows": [asdict(each) for each in rows], "knees": found})


def _line(each: Row) -> str:
    return (
        f"  {each.share:4.0%} {each.cut:14.1%} {each.over_saturated:16.0%} {each.attainment:16.1%} "
        f"({each.attainment_covered:.0%}, ±{each.attainment_half_width:.1%}) "
        f"{each.energy_error:16.2%}, {each.energy_covered:.0%}"
    )


def _print_knees(found: Sequence[tuple[float, bool]]) -> None:
    values = [value for value, _ in found]
    if values:
        covered = float(np.mean([inside for _, inside in found]))
        print(
            f"  knee over capacity: {np.mean(values):.3f}, {min(values):.3f} to {max(values):.3f}, "
            f"covered in {covered:.0%} of {len(found)} of {LADDERS} ladders"
        )


if __name__ == "__main__":
    main()
