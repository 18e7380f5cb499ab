"""Doubts about steadiness: a warm-up that did not settle, drift within the windows, a repeat unlike the others."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.windows import cost_per_token
from llenergymeasure.metrics.performance.host_bound import OperatingPoint, is_host_bound
from llenergymeasure.metrics.protocol.steady_state import TOLERANCE, BatchPoint, batch_points, steadiness
from llenergymeasure.metrics.statistics.trend import Trend

OUTLIER_SCORE = 3.5
OUTLIER_FLOOR = 0.005
"""Repeats that agree within half a percent have no outlier among them."""
OUTLIER_MIN_REPEATS = 4
HOST_BOUND_SHARE = 0.05
"""Of the time, from which on it is worth a warning."""


def check_warmup_settled(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A warm-up that was ended by its cap."""
    warmup = evidence.warmup
    if warmup is not None and warmup.ended_because == "cap":
        changes = {"step time": warmup.latency, "power": warmup.power}
        known = [f"{name} changed by {change.change:+.1%}" for name, change in changes.items() if change]
        said = " and ".join(known) or f"only {warmup.batches} batches ran"
        yield RunWarning(
            code="warmup_not_steady",
            message=f"Warm-up ended after {warmup.duration_s:.0f} s, at its cap, before it was steady: {said}.",
            remedy="Raise measurement.warmup.max_duration_s.",
        )


def check_no_drift(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Step time or power that goes somewhere while it is measured."""
    points = _points(evidence)
    trends = steadiness(points)
    yield from _drift("latency_drift", "The time of a decoding step", trends.latency)
    yield from _drift("power_drift", "Power", trends.power)


def check_no_outlier(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A repeat that cost unlike the others; it is counted all the same.

    Modified z-score over 3.5 (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
    """
    costs = cost_per_token(evidence.rows)
    if len(costs) < OUTLIER_MIN_REPEATS:
        return
    middle = statistics.median(costs)
    deviation = max(statistics.median(abs(cost - middle) for cost in costs) / 0.6745, OUTLIER_FLOOR * middle)
    for number, cost in enumerate(costs):
        if abs(cost - middle) > OUTLIER_SCORE * deviation:
            yield RunWarning(
                code="repeat_outlier",
                message=f"Repeat {number + 1} of {len(costs)} cost {cost / middle - 1:+.1%} against the median "
                "per token; it is counted like the others.",
                remedy="Look for what else ran at that time, then measure again.",
            )


def check_not_host_bound(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Batches in which the device waited for the host."""
    points = [point for point in _points(evidence) if point.power_w is not None]
    if evidence.config.device == "cpu" or len(points) < OUTLIER_MIN_REPEATS:
        return
    fastest = sorted(points, key=lambda point: point.step_s)[: max(len(points) // 4, 1)]
    reference = OperatingPoint(
        itl_s=statistics.median(point.step_s for point in fastest),
        power_w=statistics.median(point.power_w or 0.0 for point in fastest),
    )
    waiting = [
        point
        for point in points
        if is_host_bound(reference, OperatingPoint(itl_s=point.step_s, power_w=point.power_w or 0.0))
    ]
    if sum(point.step_s for point in waiting) > HOST_BOUND_SHARE * sum(point.step_s for point in points):
        slowest = max(waiting, key=lambda point: point.step_s)
        yield RunWarning(
            code="host_bound",
            message=f"In {len(waiting)} of {len(points)} batches the device waited for the host: a decoding step took "
            f"up to {slowest.step_s * 1e3:.1f} ms at {slowest.power_w:.0f} W, against "
            f"{reference.itl_s * 1e3:.1f} ms at {reference.power_w:.0f} W in the fastest.",
            remedy="Free the processor, pin the process, or use torch.compile; then measure again.",
        )


def _points(evidence: CheckInputs) -> list[BatchPoint]:
    requests = [request for row in evidence.rows for request in row.served.rows()]
    return batch_points(requests, evidence.account)


def _drift(code: str, what: str, trend: Trend | None) -> Iterable[RunWarning]:
    if trend is not None and trend.is_drift(TOLERANCE):
        yield RunWarning(
            code=code,
            message=f"{what} changed by {trend.change:+.1%} from the first batch to the last "
            f"(95 % interval {trend.low:+.1%} to {trend.high:+.1%}).",
            remedy="Warm up for longer (measurement.warmup.min_duration_s), or let the machine cool down first.",
        )
