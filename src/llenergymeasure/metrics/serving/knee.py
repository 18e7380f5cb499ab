"""The knee of a curve: where the line of light load crosses the most that can be served."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llenergymeasure.domain.breakdowns.traffic import Knee
from llenergymeasure.metrics.statistics.estimates import mean_estimate

FLAT = 0.5
"""Throughput grows by less than this part of what the load does: it has reached its end; a judgement."""
KEEPS_UP = 0.95
"""An open loop serves at least this part of what is asked until it is full; a judgement."""
HIGHER = "throughput still grows at the highest load: add higher ones"


def find_knee(loads: Sequence[float], throughputs: Sequence[Sequence[float]], *, is_open: bool) -> Knee:
    """Return the knee of requests per second over load, each load with one throughput per window.

    Under light load, throughput is proportional to load: an open loop serves what is asked, and the clients of a closed
    one do not wait for each other (its lowest load stands for that). More than its maximum is never served. The two
    lines cross at the knee (Denning and Buzen, Computing Surveys 10, 1978, bottleneck analysis). Each repeat gives a
    knee, and their spread the interval.
    """
    if len(loads) < 2:
        return Knee(reason="a knee needs several loads")
    if not all(throughputs) or min(loads) <= 0:
        return Knee(reason="a load has no complete window")
    order = sorted(range(len(loads)), key=loads.__getitem__)
    loads, throughputs = [loads[each] for each in order], [throughputs[each] for each in order]
    means = [math.fsum(each) / len(each) for each in throughputs]
    best = max(range(len(means)), key=means.__getitem__)
    if means[best] <= 0:
        return Knee(reason="no request was answered")
    if not _has_ended(loads, means, best, is_open=is_open):
        return Knee(reason=HIGHER)
    repeats = min(len(throughputs[best]), len(throughputs[0]))
    slopes = [1.0 if is_open else throughputs[0][each] / loads[0] for each in range(repeats)]
    if min(slopes) <= 0:
        return Knee(reason="nothing was answered at the lowest load")
    unit = "requests/s" if is_open else "requests in flight"
    knees = [throughputs[best][each] / slopes[each] for each in range(repeats)]
    return Knee(
        load=mean_estimate(knees, unit=unit, method="derived"),
        capacity=mean_estimate(throughputs[best], unit="requests/s", method="derived"),
    )


def _has_ended(loads: Sequence[float], means: Sequence[float], best: int, *, is_open: bool) -> bool:
    """Whether throughput has stopped following the load at the highest of them."""
    if is_open:
        return means[-1] < KEEPS_UP * loads[-1]
    if best < len(loads) - 1:
        return True
    return (
        math.log(means[-1] / means[-2]) < FLAT * math.log(loads[-1] / loads[-2]) if means[-2] > 0 else False
    )
