"""Doubts about the start: a machine that was warmer than asked for."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.evidence import Evidence


def check_start_temperature(evidence: Evidence) -> Iterable[RunWarning]:
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
