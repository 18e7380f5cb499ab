"""Checks of the devices' conditions: temperature, clocks, throttling."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.protocol.device_conditions import harmful_fraction

THROTTLED_FRACTION = 0.01
"""Of the readings; a judgement: under it a throttled device changes a mean by less than other terms of the budget."""
POWER_CAPPED_FRACTION = 0.5
"""Of the readings: the device is at its limit more often than not."""
TEMPERATURE_RISE_C = 10.0
"""After power settles the temperature lags 90-190 s and can bias energy per token by up to 13 %."""
CLOCK_FALL = 0.05
"""Relative to the mean; a judgement: a few steps of the clock (15 MHz on NVIDIA cards) are normal."""


def check_not_throttled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Clocks held down by heat, power delivery or the power limit."""
    for device in inputs.conditions:
        fraction = harmful_fraction(device)
        if fraction > THROTTLED_FRACTION:
            reasons = ", ".join(
                sorted(device.throttle_fractions, key=device.throttle_fractions.__getitem__)[::-1]
            )
            yield RunWarning(
                code="throttled",
                message=f"{device.label} was throttled in {fraction:.0%} of the readings ({reasons}).",
                remedy="Improve the cooling or lower the power limit, wait for the device to cool, then measure again.",
            )
        capped = device.throttle_fractions.get("sw_power_cap", 0.0)
        if capped > POWER_CAPPED_FRACTION:
            yield RunWarning(
                code="power_capped",
                message=f"{device.label} ran at its power limit in {capped:.0%} of the readings.",
                remedy="Report the power limit beside the figures (it is in the snapshot).",
                severity="info",
            )


def check_temperature_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A device whose temperature rose during the windows."""
    for device in inputs.conditions:
        before, after = device.temperature_before_c, device.temperature_c
        if before is not None and after is not None and after.high - before > TEMPERATURE_RISE_C:
            yield RunWarning(
                code="temperature_rising",
                message=f"{device.label} warmed up from {before:.0f} to {after.high:.0f} °C during the windows.",
                remedy="Warm up for longer: measurement.warmup.min_duration_s: 120.",
            )


def check_clocks_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A clock that fell well below its own mean."""
    for device in inputs.conditions:
        clock = device.sm_clock_mhz
        if clock is not None and clock.mean > 0 and clock.low < (1 - CLOCK_FALL) * clock.mean:
            yield RunWarning(
                code="clocks_varied",
                message=f"The SM clock of {device.label} varied between {clock.low:.0f} and {clock.high:.0f} MHz.",
                remedy="Lock the clocks (sudo nvidia-smi -lgc), or report the range beside the figures.",
                severity="info",
            )


def check_start_temperature(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A cool-down that reached max_wait_s, or devices that report no temperature."""
    cooldown = inputs.cooldown
    if cooldown is None or cooldown.reached:
        return
    if cooldown.after_c is None:
        yield RunWarning(
            code="start_temperature",
            message=f"The run should start at {cooldown.limit_c:.0f} °C or below, but the devices report no "
            "temperature.",
            remedy="Remove measurement.cooldown.max_temperature_c, and leave the machine idle between experiments.",
        )
        return
    yield RunWarning(
        code="start_temperature",
        message=f"The run started at {cooldown.after_c:.0f} °C, above the limit of {cooldown.limit_c:.0f} °C, after "
        f"{cooldown.duration_s:.0f} s of cooling down.",
        remedy="Raise measurement.cooldown.max_wait_s or max_temperature_c, or improve the cooling.",
    )
