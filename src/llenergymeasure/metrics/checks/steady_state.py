"""Checks of the steady state: warm-up, drift over the windows, outliers among the repeats, waiting for the host."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import numpy as np

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.windows import cost_per_token
from llenergymeasure.metrics.performance.host_bound import OperatingPoint, is_host_bound
from llenergymeasure.metrics.protocol.steady_state import TOLERANCE, steadiness
from llenergymeasure.metrics.statistics.trend import Trend

OUTLIER_SCORE = 3.5
"""Modified z-score (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993)."""
OUTLIER_FLOOR = 0.005
"""Relative to the median; a judgement: repeats that agree within half a percent have no outlier."""
OUTLIER_MIN_REPEATS = 4
"""A judgement: the median of fewer deviations says nothing about one of them."""
HOST_BOUND_SHARE = 0.05
"""Share of the time from which there is a warning; a judgement."""


def check_warmup_settled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A warm-up that was not steady within max_duration_s."""
    warmup = inputs.warmup
    if warmup is not None and warmup.ended_because == "cap":
        changes = {"inter-token latency": warmup.latency, "power": warmup.power}
        known = [f"{name} changed by {change.change:+.1%}" for name, change in changes.items() if change]
        changes_text = " and ".join(known) or f"only {warmup.requests} requests were served"
        yield RunWarning(
            code="warmup_not_steady",
            message=f"The warm-up was not steady after {warmup.duration_s:.0f} s (max_duration_s): {changes_text}.",
            remedy="Raise measurement.warmup.max_duration_s.",
        )


def check_no_drift(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Inter-token latency or power that changes steadily over the windows."""
    trends = steadiness(inputs.bins)
    yield from _drift("latency_drift", "The inter-token latency", trends.latency)
    yield from _drift("power_drift", "Power", trends.power)


def check_no_outlier(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A repeat whose energy per token differs from the others; it is not excluded.

    Modified z-score over 3.5 (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
    """
    costs = cost_per_token(inputs.rows)
    if len(costs) < OUTLIER_MIN_REPEATS:
        return
    middle = statistics.median(costs)
    deviation = max(statistics.median(abs(cost - middle) for cost in costs) / 0.6745, OUTLIER_FLOOR * middle)
    for number, cost in enumerate(costs):
        if abs(cost - middle) > OUTLIER_SCORE * deviation:
            yield RunWarning(
                code="repeat_outlier",
                message=f"Repeat {number + 1} of {len(costs)} cost {cost / middle - 1:+.1%} against the median "
                "per token; it is not excluded.",
                remedy="Find what else ran at that time, then measure again.",
            )


def check_not_host_bound(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Bins of time in which the device waited for the host."""
    known = np.isfinite(inputs.bins.itl_s) & np.isfinite(inputs.bins.power_w)
    if inputs.config.device == "cpu" or known.sum() < OUTLIER_MIN_REPEATS:
        return
    itl_s, power_w = inputs.bins.itl_s[known], inputs.bins.power_w[known]
    fastest = np.argsort(itl_s, kind="stable")[: max(len(itl_s) // 4, 1)]
    reference = OperatingPoint(
        itl_s=float(np.median(itl_s[fastest])), power_w=float(np.median(power_w[fastest]))
    )
    points = [OperatingPoint(itl_s=itl, power_w=power) for itl, power in zip(itl_s, power_w, strict=True)]
    waiting = [point for point in points if is_host_bound(reference, point)]
    if len(waiting) > HOST_BOUND_SHARE * len(points):
        slowest = max(waiting, key=lambda point: point.itl_s)
        yield RunWarning(
            code="host_bound",
            message=f"The device waited for the host in {len(waiting) / len(points):.0%} of the time: the inter-token "
            f"latency rose to {slowest.itl_s * 1e3:.1f} ms at {slowest.power_w:.0f} W, against "
            f"{reference.itl_s * 1e3:.1f} ms at {reference.power_w:.0f} W at its fastest.",
            remedy="Free the processor, pin the process, or use torch.compile; then measure again.",
        )


def _drift(code: str, what: str, trend: Trend | None) -> Iterable[RunWarning]:
    if trend is not None and trend.is_drift(TOLERANCE):
        yield RunWarning(
            code=code,
            message=f"{what} changed by {trend.change:+.1%} over the windows "
            f"(95 % interval {trend.low:+.1%} to {trend.high:+.1%}).",
            remedy="Warm up for longer (measurement.warmup.min_duration_s), or let the machine cool down first.",
        )
