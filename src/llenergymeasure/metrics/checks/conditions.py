"""Doubts about the conditions: heat, clocks, throttling."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.protocol.device_conditions import harmful_fraction

THROTTLED_FRACTION = 0.01
POWER_CAPPED_FRACTION = 0.5
TEMPERATURE_RISE_C = 10.0
"""After power settles the temperature lags 90-190 s and can bias energy per token by up to 13 %."""
CLOCK_FALL = 0.05


def check_not_throttled(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Clocks held down by heat, power delivery or the power limit."""
    for device in evidence.conditions:
        fraction = harmful_fraction(device)
        if fraction > THROTTLED_FRACTION:
            reasons = ", ".join(
                sorted(device.throttle_fractions, key=device.throttle_fractions.__getitem__)[::-1]
            )
            yield RunWarning(
                code="throttled",
                message=f"{device.label} slowed down to protect itself in {fraction:.0%} of the readings ({reasons}).",
                remedy="Improve the cooling or lower the power limit, let it cool down, then measure again.",
            )
        capped = device.throttle_fractions.get("sw_power_cap", 0.0)
        if capped > POWER_CAPPED_FRACTION:
            yield RunWarning(
                code="power_capped",
                message=f"{device.label} ran at its power limit in {capped:.0%} of the readings.",
                remedy="Report the power limit beside the figures (it is in the snapshot).",
                severity="info",
            )


def check_temperature_held(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A device that got warmer while it was measured."""
    for device in evidence.conditions:
        before, after = device.temperature_before_c, device.temperature_c
        if before is not None and after is not None and after.high - before > TEMPERATURE_RISE_C:
            yield RunWarning(
                code="temperature_rising",
                message=f"{device.label} rose from {before:.0f} to {after.high:.0f} C while it was measured.",
                remedy="Warm up for longer: measurement.warmup.min_duration_s: 120.",
            )


def check_clocks_held(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A clock that fell well below its own mean."""
    for device in evidence.conditions:
        clock = device.sm_clock_mhz
        if clock is not None and clock.mean > 0 and clock.low < (1 - CLOCK_FALL) * clock.mean:
            yield RunWarning(
                code="clocks_varied",
                message=f"The SM clock of {device.label} varied between {clock.low:.0f} and {clock.high:.0f} MHz.",
                remedy="Lock the clocks (sudo nvidia-smi -lgc), or report the range beside the figures.",
                severity="info",
            )


def check_start_temperature(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A cool-down that ran out of time, or could not tell how warm the devices are."""
    cooldown = evidence.cooldown
    if cooldown is None or cooldown.reached:
        return
    if cooldown.after_c is None:
        yield RunWarning(
            code="start_temperature",
            message=f"The run was to start at {cooldown.limit_c:.0f} °C or below, but it is not known how warm "
            "the devices are.",
            remedy="Leave measurement.cooldown.max_temperature_c out, and let the machine rest between experiments.",
        )
        return
    yield RunWarning(
        code="start_temperature",
        message=f"The run started at {cooldown.after_c:.0f} °C, above the {cooldown.limit_c:.0f} °C asked for, after "
        f"{cooldown.duration_s:.0f} s of cooling down.",
        remedy="Raise measurement.cooldown.max_wait_s or max_temperature_c, or improve the cooling.",
    )
