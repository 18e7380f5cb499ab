"""What each load of a run came to, which of them the result is of, and the knee of their curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from llenergymeasure.domain.breakdowns.traffic import Knee, Rung
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures import energies, speed
from llenergymeasure.metrics.figures.figure import NO_SLO, Figure, FigureInputs, Unknown
from llenergymeasure.metrics.figures.serving import goodput
from llenergymeasure.metrics.serving.in_flight import mean_in_flight
from llenergymeasure.metrics.serving.knee import find_knee
from llenergymeasure.metrics.serving.saturation import growth
from llenergymeasure.metrics.statistics.estimates import budget_estimate, mean_estimate

RUNG_FIGURES: tuple[Figure, ...] = (
    goodput.REQUEST_RATE,
    speed.OUTPUT_THROUGHPUT,
    energies.TOTAL_ENERGY,
    energies.ENERGY_PER_OUTPUT_TOKEN,
    energies.ENERGY_PER_REQUEST,
    energies.MEAN_POWER,
    goodput.GOODPUT,
    goodput.SLO_ATTAINMENT,
    goodput.ENERGY_PER_GOOD_REQUEST,
)
"""What is stated of each load; all figures are stated of the one that the result is of."""
RUNG_LATENCIES = ("ttft_s", "tpot_s", "e2e_s")
IN_FLIGHT = "requests"
ROUNDING = 1e-9
"""A residual under this part of the requests in flight is what sums of floating-point numbers leave."""


@dataclass(frozen=True, kw_only=True)
class RungWindows:
    """The windows of one load."""

    number: int
    load: float | None
    rows: Sequence[WindowTotals]
    can_grow: bool
    """Whether the requests in flight may grow without a limit: those of a closed loop may not."""


def describe_rung(inputs: FigureInputs, rung: RungWindows) -> Rung:
    """Return what one load came to."""
    own = replace(inputs, rows=rung.rows)
    found = {figure.name: _estimate(figure, own) for figure in RUNG_FIGURES}
    grown = growth(inputs.requests, [row.window for row in rung.rows])
    residuals = [_little(inputs, row) for row in rung.rows]
    return Rung(
        rung=rung.number,
        load=rung.load,
        repeats=tuple(row.window.repeat for row in rung.rows if row.window.repeat is not None),
        estimates={name: each for name, each in found.items() if isinstance(each, Estimate)},
        unknown={
            name: each.reason
            for name, each in found.items()
            if isinstance(each, Unknown) and each.reason != NO_SLO
        },
        latency={name: own.latency[name] for name in RUNG_LATENCIES},
        in_flight=mean_estimate([in_flight for in_flight, _ in residuals], unit=IN_FLIGHT, method="derived"),
        little_residual=mean_estimate([rest for _, rest in residuals], unit=IN_FLIGHT, method="derived"),
        in_flight_growth_per_s=grown.in_flight_per_s,
        latency_growth=grown.latency,
        over_saturated=grown.is_over_saturated if rung.can_grow else None,
    )


def headline_rung(rungs: Sequence[Rung]) -> int | None:
    """Return the number of the load that the figures are of: with objectives the one of the highest goodput.

    Without, the highest that is not over-saturated; the lowest, where all are.
    """
    rates = [each.estimates.get(goodput.GOODPUT.name) for each in rungs]
    if any(rate is not None and rate.value > 0 for rate in rates):
        return rungs[max(range(len(rungs)), key=lambda place: _value(rates[place]))].rung
    by_load = sorted(rungs, key=lambda each: each.load or 0.0)
    sustained = [each for each in by_load if not each.over_saturated]
    return sustained[-1].rung if sustained else next((each.rung for each in by_load), None)


def knee(rungs: Sequence[RungWindows]) -> Knee | None:
    """Return the knee over several loads; None where there are not several."""
    loads = [each.load for each in rungs if each.load is not None]
    if len(loads) < 2 or len(loads) < len(rungs):
        return None
    throughputs = [[len(row.served) / row.duration_s for row in each.rows] for each in rungs]
    return find_knee(loads, throughputs, is_open=all(each.can_grow for each in rungs))


def _little(inputs: FigureInputs, row: WindowTotals) -> tuple[float, float]:
    """Return the mean requests in flight of a window, and what is left of them by Little's law: N - X R."""
    start, end = row.window.start_unix_ns, row.window.end_unix_ns
    requests = inputs.requests
    in_flight = float(mean_in_flight(requests, np.array([start, end]))[0])
    ended = requests.ended_in(start, end)
    spent_s = math.fsum(((requests.closed_unix_ns - requests.scheduled_unix_ns)[ended] / 1e9).tolist())
    residual = in_flight - spent_s / row.duration_s
    return in_flight, residual if abs(residual) > ROUNDING * in_flight else 0.0


def _estimate(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    found = figure.compute(figure, inputs)
    if isinstance(found, UncertaintyBudget):
        return budget_estimate(found, inputs.method or "derived")
    return found


def _value(estimate: Estimate | None) -> float:
    return -math.inf if estimate is None else float(estimate.value)


def by_rung(rows: Sequence[WindowTotals], loads: Sequence[float], *, can_grow: bool) -> list[RungWindows]:
    """Return the windows of each load, in the order of the loads."""
    numbers = sorted({row.window.rung or 0 for row in rows})
    return [
        RungWindows(
            number=number,
            load=loads[number] if number < len(loads) else None,
            rows=[row for row in rows if (row.window.rung or 0) == number],
            can_grow=can_grow,
        )
        for number in numbers
    ]
