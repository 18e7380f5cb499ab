"""The wait for a start temperature, so that no run inherits the heat of the one before."""

from __future__ import annotations

from functools import partial

from llenergymeasure.config.models import CooldownConfig
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder

LOOK_EVERY_S = 0.5
UNKNOWN_FOR_S = 3.0
"""Devices that report no temperature for this long are treated as having no sensor; it is read often."""


def cool_down(config: CooldownConfig, log: Recorder, power: Metering) -> None:
    """Wait, as a phase of its own, for the hottest device to cool down; give up at the limit or without a sensor."""
    if config.max_temperature_c is None:
        return
    with log.phase("cooldown"):
        waited_s = silent_s = 0.0
        while waited_s < config.max_wait_s and silent_s < UNKNOWN_FOR_S:
            temperature_c = power.recent_temperature_c()
            if temperature_c is not None and temperature_c <= config.max_temperature_c:
                return
            log.progress(partial(_progress, temperature_c, power))
            step_s = min(LOOK_EVERY_S, config.max_wait_s - waited_s)
            log.clock.sleep(step_s)
            waited_s += step_s
            silent_s = silent_s + step_s if temperature_c is None else 0.0


def _progress(temperature_c: float | None, power: Metering) -> RunEvent:
    return RunEvent(
        kind="progress", phase="cooldown", temperature_c=temperature_c, power_w=power.recent_power_w()
    )
