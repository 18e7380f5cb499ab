"""Checks of what held the run up: processors that others used, a quota, sleep, and stalls whatever their cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llenergymeasure.domain.estimate import digits
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.interference import HoldUp
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.sensors import clock_time
from llenergymeasure.metrics.protocol.stalls import find_stalls

PROCESSOR_CONTENDED = WarningCode(
    code="processor_contended",
    meaning="A thread that did the work waited for a processor that others used. As threads work step by step "
    "together, one that waits holds up all.",
    remedy="Stop other programs, or set fewer threads than the machine has cores (pytorch.num_threads, "
    "llamacpp.n_threads).",
    severity=Levels(
        of="fraction of the time for which a thread that did the work wanted a processor and had none",
        warning=0.1,
        invalid=1 / 3,
    ),
    because="A step takes 1 / (1 - fraction) times as long, or longer where threads wait for each other: over a third, "
    "1.5 times. On a GPU only the host waits, so it is a warning at most.",
)
QUOTA_THROTTLED = WarningCode(
    code="cpu_quota_throttled",
    meaning="The processor quota of the control group (a container's limit) stopped all threads of the run again and "
    "again: time and idle power of these stops are in the figures.",
    remedy="Raise the limit (docker run --cpus, resources.limits.cpu), or set fewer threads "
    "(pytorch.num_threads, llamacpp.n_threads).",
    severity=Levels(of="fraction of the quota's periods in which it was used up", warning=0.01),
    because="A judgement: under 1 % the effect is less than what repeats vary by. It is never invalid, as a quota "
    "may be what is to be measured.",
)
SUSPENDED = WarningCode(
    code="machine_suspended",
    meaning="The machine slept within a window. Its time is not counted, but counters may have been reset.",
    remedy="Turn suspend off (systemd-inhibit --what=sleep llem run ...), then measure again.",
    severity=Levels(of="time asleep as a fraction of the windows", warning=0.0, invalid=0.1),
    because="A machine that wakes up has cold caches and other clocks; a judgement.",
)
WINDOW_STALLED = WarningCode(
    code="window_stalled",
    meaning="Nothing was produced for far longer than usual within a window: a stopped or suspended process, "
    "swapping, a disk or network that did not answer. Its time and its idle power are in the figures.",
    remedy="Find what stopped the run at that time (suspend, a debugger, swapping, a slow disk), then measure again.",
    severity=Levels(of="fraction of the windows that was lost", least="info", warning=0.01, invalid=0.1),
    because="Throughput is too low by this fraction. A judgement: 1 % is what repeats mostly vary by; over 10 % the "
    "figures describe the stall more than the model.",
)
LONGEST_TOLD = 0.95
"""Waiting beyond which the slow-down is no number any more: a percent more or less changes it by a quarter."""
LEAST_SUSPENDED_S = 0.05
"""Less is the time between reading two clocks on a busy machine."""


def check_windows_were_not_held_up(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Waiting for a processor, a quota that was used up, a machine that slept."""
    hold_ups = inputs.interference.hold_ups
    yield from _contended(inputs, hold_ups)
    yield from _throttled(hold_ups)
    asleep_s = sum(each.suspended_s or 0.0 for each in hold_ups)
    windows_s = sum(each.duration_s for each in hold_ups)
    if asleep_s > LEAST_SUSPENDED_S and windows_s:
        yield from SUSPENDED.raised(
            f"The machine slept for {asleep_s:.1f} s within the windows.", magnitude=asleep_s / windows_s
        )


def _contended(inputs: CheckInputs, hold_ups: Sequence[HoldUp]) -> Iterable[RunWarning]:
    known = [
        (each.waiting_fraction, each.duration_s) for each in hold_ups if each.waiting_fraction is not None
    ]
    windows_s = sum(duration_s for _, duration_s in known)
    if not windows_s:
        return
    fraction = sum(waiting * duration_s for waiting, duration_s in known) / windows_s
    for warning in PROCESSOR_CONTENDED.raised(
        f"During the windows, a thread that did the work had no processor for {fraction:.0%} of the time that it "
        f"wanted one: a step took {_times_as_long(fraction)} as long.",
        magnitude=fraction,
    ):
        at_most = warning.severity if inputs.config.device == "cpu" else "warning"
        yield warning.model_copy(update={"severity": at_most})


def _times_as_long(fraction: float) -> str:
    """Return in words how much longer something takes that waits for so much of its time."""
    if fraction > LONGEST_TOLD:
        return f"more than {1 / (1 - LONGEST_TOLD):.0f} times"
    return f"up to {digits(1 / (1 - fraction))} times"


def _throttled(hold_ups: Sequence[HoldUp]) -> Iterable[RunWarning]:
    periods = sum(each.quota_periods or 0 for each in hold_ups)
    throttled = sum(each.quota_throttled_periods or 0 for each in hold_ups)
    if not periods:
        return
    cores = next((each.quota_cores for each in hold_ups if each.quota_cores is not None), None)
    quota = "" if cores is None else f" of {cores:g} cores"
    yield from QUOTA_THROTTLED.raised(
        f"During the windows, the processor quota{quota} was used up in {throttled} of {periods} periods, for "
        f"{sum(each.quota_throttled_s or 0.0 for each in hold_ups):.1f} s summed over the processors.",
        magnitude=throttled / periods,
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
