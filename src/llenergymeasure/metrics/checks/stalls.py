"""Checks for stalls: times within the windows in which nothing was done."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.estimate import digits
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.sensors import clock_time
from llenergymeasure.metrics.protocol.stalls import find_stalls

WINDOW_STALLED = WarningCode(
    code="window_stalled",
    meaning="Nothing was produced for far longer than usual within a window: a stopped or suspended process, "
    "swapping, a disk or network that did not answer. Its time and its idle power are in the figures.",
    remedy="Find what stopped the run at that time (suspend, a debugger, swapping, a slow disk), then measure again.",
    severity=Levels(of="fraction of the windows that was lost", least="info", warning=0.01, invalid=0.1),
    because="Throughput is too low by this fraction. A judgement: 1 % is what repeats mostly vary by; over 10 % the "
    "figures describe the stall more than the model.",
)


def check_windows_did_not_stall(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Times without a token, far longer than usual, whatever the cause."""
    stalls = find_stalls(inputs.requests, inputs.windows)
    if not stalls:
        return
    longest = max(stalls, key=lambda stall: stall.duration_s)
    since = clock_time(longest.start_ns)
    lost_s = sum(stall.excess_s for stall in stalls)
    windows_s = sum(window.duration_s for window in inputs.windows)
    yield from WINDOW_STALLED.raised(
        f"For {lost_s:.1f} s of {windows_s:.1f} s within the windows nothing was produced ({len(stalls)} stalls; the "
        f"longest lasted {longest.duration_s:.1f} s from {since} on, where {digits(longest.usual_s)} "
        "s are usual).",
        magnitude=lost_s / windows_s,
    )
