"""What a result says of served traffic."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.breakdowns.traffic import SteadyPart, TrafficSummary
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.serving.rungs import by_rung, describe_rung, headline_rung, knee


def summarise_serving(
    inputs: FigureInputs,
    rows: Sequence[WindowTotals],
    steady: Sequence[SteadyPart],
    loads: Sequence[float],
    *,
    can_grow: bool,
) -> TrafficSummary:
    """Return the loads of a run, with the one that its figures are of, and the knee.

    `rows` are the windows of all loads, `loads` what was asked in each, in the same order. `can_grow`: requests come
    whether or not others have ended.
    """
    windows = by_rung(rows, loads, can_grow=can_grow)
    rungs = [describe_rung(inputs, each) for each in windows]
    several = len(loads) > 1
    return TrafficSummary(
        steady=tuple(steady),
        rungs=tuple(rungs),
        headline_rung=headline_rung(rungs) if several else None,
        knee=knee(windows) if several else None,
    )
