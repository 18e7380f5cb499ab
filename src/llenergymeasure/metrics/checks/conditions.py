"""Checks of the devices' conditions: temperature, clocks, throttling."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.protocol.device_conditions import harmful_fraction

THROTTLED = WarningCode(
    code="throttled",
    meaning="Heat, power delivery or hardware protection held the clocks of a device down: it was slower than it is "
    "elsewhere.",
    remedy="Improve the cooling or lower the power limit, wait for the device to cool, then measure again.",
    severity=Levels(of="fraction of the readings within the windows", warning=0.01, invalid=0.5),
    because="A judgement: under 1 % a mean changes by less than by other terms of the budget; over 50 % the figures "
    "are those of the cooling.",
)
POWER_CAPPED = WarningCode(
    code="power_capped",
    meaning="A device worked at its power limit. This is normal under full load.",
    remedy="Report the power limit beside the figures (it is in the snapshot).",
    severity=Levels(of="fraction of the readings within the windows", info=0.5),
    because="The limit is a setting of the device, so the figures are right for it.",
)
TEMPERATURE_RISING = WarningCode(
    code="temperature_rising",
    meaning="A device became hotter during the windows: its power rises with its temperature.",
    remedy="Warm up for longer: measurement.warmup.min_duration_s: 120.",
    severity=Levels(of="rise of the temperature in °C", warning=10.0),
    because="After power settles the temperature lags 90-190 s; this can bias energy per token by up to 13 %.",
)
CLOCKS_VARIED = WarningCode(
    code="clocks_varied",
    meaning="The clock of a device fell during the windows.",
    remedy="Lock the clocks (sudo nvidia-smi -lgc), or report the range beside the figures.",
    severity=Levels(of="lowest clock below the mean, as a fraction of the mean", info=0.05, warning=0.5),
    because="A judgement: a few steps of the clock (15 MHz on NVIDIA cards) are normal; at half its clock a device "
    "idles.",
)
START_TEMPERATURE = WarningCode(
    code="start_temperature",
    meaning="The run did not start at or below the temperature that the configuration asks for.",
    remedy="Raise measurement.cooldown.max_wait_s or max_temperature_c, or improve the cooling.",
    severity="warning",
    because="The temperature changes energy per token by up to 13 %, which repeats of one run do not show.",
)


def check_not_throttled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Clocks held down by heat, power delivery or the power limit."""
    for device in inputs.conditions:
        fraction = harmful_fraction(device)
        reasons = ", ".join(
            sorted(device.throttle_fractions, key=device.throttle_fractions.__getitem__)[::-1]
        )
        yield from THROTTLED.raised(
            f"{device.label} was throttled in {fraction:.0%} of the readings ({reasons}).", magnitude=fraction
        )
        capped = device.throttle_fractions.get("sw_power_cap", 0.0)
        yield from POWER_CAPPED.raised(
            f"{device.label} ran at its power limit in {capped:.0%} of the readings.", magnitude=capped
        )


def check_temperature_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A device whose temperature rose during the windows."""
    for device in inputs.conditions:
        before, after = device.temperature_before_c, device.temperature_c
        if before is not None and after is not None:
            yield from TEMPERATURE_RISING.raised(
                f"{device.label} warmed up from {before:.0f} to {after.high:.0f} °C during the windows.",
                magnitude=after.high - before,
            )


def check_clocks_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A clock that fell well below its own mean."""
    for device in inputs.conditions:
        clock = device.sm_clock_mhz
        if clock is not None and clock.mean > 0:
            yield from CLOCKS_VARIED.raised(
                f"The SM clock of {device.label} varied between {clock.low:.0f} and {clock.high:.0f} MHz.",
                magnitude=1 - clock.low / clock.mean,
            )


def check_start_temperature(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A cool-down that reached max_wait_s, or devices that report no temperature."""
    cooldown = inputs.cooldown
    if cooldown is None or cooldown.reached:
        return
    if cooldown.after_c is None:
        yield from START_TEMPERATURE.raised(
            f"The run should start at {cooldown.limit_c:.0f} °C or below, but the devices report no temperature.",
            remedy="Remove measurement.cooldown.max_temperature_c, and leave the machine idle between experiments.",
        )
        return
    yield from START_TEMPERATURE.raised(
        f"The run started at {cooldown.after_c:.0f} °C, above the limit of {cooldown.limit_c:.0f} °C, after "
        f"{cooldown.duration_s:.0f} s of cooling down."
    )
