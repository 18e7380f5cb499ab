"""Checks of the steady state: warm-up, drift over the windows, outliers among the repeats, waiting for the host."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
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

WARMUP_NOT_STEADY = WarningCode(
    code="warmup_not_steady",
    meaning="Speed or power still changed when the warm-up reached its longest duration.",
    remedy="Raise measurement.warmup.max_duration_s.",
    severity=Levels(of="largest change over the later half of the warm-up, as a fraction", least="warning"),
    because="Only what still changes during the windows affects the figures: see `latency_drift` and `power_drift`.",
)
LATENCY_DRIFT = WarningCode(
    code="latency_drift",
    meaning="The time between two tokens changed steadily over the windows; where every answer comes at once, the time "
    "of a request.",
    remedy="Warm up for longer (measurement.warmup.min_duration_s), or let the machine cool down first.",
    severity=Levels(
        of="least change over the windows that its 95 % interval allows, as a fraction",
        least="warning",
        invalid=0.5,
    ),
    because="A judgement: the mean over a change by half describes no state of the machine. The time of whole requests "
    "follows the length of their prompts too, and is a warning at most.",
)
POWER_DRIFT = replace(
    LATENCY_DRIFT,
    code="power_drift",
    meaning="Power changed steadily over the windows.",
    because="A judgement: the mean over a change by half describes no state of the machine.",
)
REPEAT_OUTLIER = WarningCode(
    code="repeat_outlier",
    meaning="The cost per token of one repeat is far from that of the others; it is not excluded.",
    remedy="Find what else ran at that time, then measure again.",
    severity=Levels(
        of="how far this repeat moves the mean of all from their median, as a fraction",
        least="warning",
        invalid=0.5,
    ),
    because="Modified z-score over 3.5 (Iglewicz and Hoaglin, 1993). A judgement: where one repeat moves the mean by "
    "half, the mean is that of the disturbance.",
)
HOST_BOUND = WarningCode(
    code="host_bound",
    meaning="The device waited for the host: tokens came slower while its power fell.",
    remedy="Free the processor, pin the process, or use torch.compile; then measure again.",
    severity=Levels(of="fraction of the time within the windows", warning=0.05),
    because="A judgement. A slow host may be what is to be measured, so it is never invalid.",
)


def check_warmup_settled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A warm-up that was not steady within max_duration_s."""
    warmup = inputs.warmup
    if warmup is not None and warmup.ended_because == "cap":
        changes = {_latency(inputs): warmup.latency, "power": warmup.power}
        known = [f"{name} changed by {change.change:+.1%}" for name, change in changes.items() if change]
        changes_text = " and ".join(known) or f"only {warmup.requests} requests were served"
        yield from WARMUP_NOT_STEADY.raised(
            f"The warm-up was not steady after {warmup.duration_s:.0f} s (max_duration_s): {changes_text}.",
            magnitude=max((abs(change.change) for change in changes.values() if change), default=None),
        )


def check_no_drift(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Inter-token latency or power that changes steadily over the windows."""
    trends = steadiness(inputs.bins)
    for warning in _drift(LATENCY_DRIFT, f"The {_latency(inputs)}", trends.latency):
        at_most = warning.severity if inputs.bins.between_tokens else "warning"
        yield warning.model_copy(update={"severity": at_most})
    yield from _drift(POWER_DRIFT, "Power", trends.power)


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
            yield from REPEAT_OUTLIER.raised(
                f"Repeat {number + 1} of {len(costs)} cost {cost / middle - 1:+.1%} against the median "
                "per token; it is not excluded.",
                magnitude=abs(cost - middle) / middle / len(costs),
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
    if waiting:
        slowest = max(waiting, key=lambda point: point.itl_s)
        yield from HOST_BOUND.raised(
            f"The device waited for the host in {len(waiting) / len(points):.0%} of the time: the {_latency(inputs)} "
            f"rose to {slowest.itl_s * 1e3:.1f} ms at {slowest.power_w:.0f} W, against "
            f"{reference.itl_s * 1e3:.1f} ms at {reference.power_w:.0f} W at its fastest.",
            magnitude=len(waiting) / len(points),
        )


def _latency(inputs: CheckInputs) -> str:
    """Return what the latency of this run is between: tokens, or where answers have one, requests."""
    return "inter-token latency" if inputs.bins.between_tokens else "time of a request"


def _drift(row: WarningCode, what: str, trend: Trend | None) -> Iterable[RunWarning]:
    if trend is not None and trend.is_drift(TOLERANCE):
        yield from row.raised(
            f"{what} changed by {trend.change:+.1%} over the windows "
            f"(95 % interval {trend.low:+.1%} to {trend.high:+.1%}).",
            magnitude=min(abs(trend.low), abs(trend.high)),
        )
