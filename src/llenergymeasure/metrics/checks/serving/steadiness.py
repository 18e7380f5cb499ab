"""Checks of served traffic: whether the windows show a steady state, and whether the load could be served."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

OVER_SATURATED = WarningCode(
    code="over_saturated",
    meaning="More requests came than could be served: those in flight and the time to first token both grew.",
    remedy="Lower load.rate_per_s, or give a list of rates to find the highest that is served.",
    severity=Levels(
        of="fraction of the requests that came and were not served in the windows", least="warning"
    ),
    because="Throughput is that of a full server, but latencies depend on how long one waits: the longer, the later.",
)
NOT_STEADY = WarningCode(
    code="traffic_not_steady",
    meaning="In a window, no stretch of half its length is free of a trend in requests in flight and in throughput: "
    "its figures are of the whole window.",
    remedy="Lengthen the warm-up (measurement.warmup.min_duration_s) and the window, or replay a part of the trace "
    "whose rate is even.",
    severity=Levels(of="fraction of the windows", warning=0.0),
    because="A mean over a load that changes belongs to no load.",
)
CUT_TO_STEADY = WarningCode(
    code="windows_cut_to_steady_part",
    meaning="Figures are of the steady part of the windows, without ramps.",
    remedy="Lengthen the warm-up (measurement.warmup.min_duration_s) to use more of each window.",
    severity=Levels(of="fraction of the time of the windows that was left out", info=0.0),
    because="What is left is at least half of each window.",
)
LITTLES_LAW = WarningCode(
    code="littles_law_residual",
    meaning="Requests in flight are not throughput × mean time of a request: the windows show a transient.",
    remedy="Lengthen the window (measurement.window.min_duration_s): it should last much longer than a request.",
    severity=Levels(of="residual as a fraction of the requests in flight", warning=0.05),
    because="A judgement: throughput and latency of a transient are off by about as much.",
)


def check_load_was_served(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Requests in flight and time to first token that both grow."""
    rung = inputs.traffic.headline
    flow = rung.in_flight_growth_per_s if rung else None
    if rung is None or not rung.over_saturated or flow is None:
        return
    served = rung.estimates.get("requests_per_s")
    rate = float(served.value) if served else 0.0
    yield from OVER_SATURATED.raised(
        f"In each second, {flow.value:.3g} more requests came than ended, and the time to first token grew by "
        f"{rung.latency_growth or 0:.0%} of its mean over a window; {rate:.3g} requests per second were answered.",
        magnitude=float(flow.value) / (float(flow.value) + rate),
    )


def check_traffic_was_steady(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Windows without a steady part, or with a part that is not."""
    rung, steady = inputs.traffic.headline, inputs.traffic.steady
    steady = tuple(each for each in steady if rung is None or each.repeat in rung.repeats)
    if not steady:
        return
    unsteady = sum(each.rule == "none" for each in steady)
    if unsteady and not (rung and rung.over_saturated):
        yield from NOT_STEADY.raised(
            f"{unsteady} of {len(steady)} windows have no stretch of half their length without a trend.",
            magnitude=unsteady / len(steady),
        )
    whole_s = sum(each.window_s for each in steady)
    left_out = 1 - sum(each.duration_s for each in steady) / whole_s if whole_s > 0 else 0.0
    yield from CUT_TO_STEADY.raised(
        f"{left_out:.0%} of the time of the windows was left out: it was before or after the steady part.",
        magnitude=left_out if left_out > 1e-9 else 0.0,
    )


def check_littles_law(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Requests in flight that contradict throughput and latency."""
    rung = inputs.traffic.headline
    if rung is None or rung.over_saturated or rung.in_flight is None or rung.little_residual is None:
        return
    residual, in_flight = rung.little_residual, float(rung.in_flight.value)
    if residual.low is None or residual.high is None or residual.low <= 0 <= residual.high or in_flight <= 0:
        return
    yield from LITTLES_LAW.raised(
        f"{in_flight:.3g} requests were in flight on average, {residual.value:+.2g} more than throughput × mean time "
        f"(95 % interval {residual.low:+.2g} to {residual.high:+.2g}).",
        magnitude=abs(float(residual.value)) / in_flight,
    )
