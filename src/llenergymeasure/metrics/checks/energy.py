"""Checks of the energy: unknown, estimated, or of the wrong device."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs


def check_energy_is_known(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Energy that was not requested, or requested and not measured."""
    if inputs.config.energy.meters == "none":
        yield RunWarning(
            code="energy_not_asked_for",
            message="No energy was measured: energy.meters is none.",
            remedy="Set energy.meters to auto, or leave it out.",
            severity="info",
        )
        return
    if inputs.interrupted is not None:
        yield RunWarning(
            code="sampler_died",
            message=f"The sampling of the meters ended before the run did: {inputs.interrupted}.",
            remedy="Run again; if it happens again, find what ends the process (out of memory, a job limit).",
            severity="invalid",
        )
    rows = inputs.rows
    reasons = {row.energy.reason for row in rows if row.energy.reason is not None}
    for reason in sorted(reasons):
        unknown = sum(row.energy.reason == reason for row in rows)
        yield RunWarning(
            code="energy_unknown",
            message=f"Energy is unknown in {unknown} of {len(rows)} windows: {reason}.",
            remedy="See `llem doctor` for the state of each meter, then run again.",
            severity="invalid",
        )


def check_energy_is_measured(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A total that includes an estimate."""
    for device in inputs.energy.by_device:
        if device.method == "estimated" and device.included_in_total:
            yield RunWarning(
                code="energy_estimated",
                message=f"Energy of {device.label} is an estimate, not a measurement: {device.note}.",
                remedy="Make a meter readable: `llem doctor` prints the command for this machine.",
            )


def check_compute_device_is_metered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A total without the device on which the model ran."""
    domains = {device.domain for device in inputs.energy.by_device if device.included_in_total}
    device = inputs.config.device
    needed = "gpu" if device == "cuda" else "cpu"
    if domains and needed not in domains and "system" not in domains:
        yield RunWarning(
            code="compute_device_not_metered",
            message=f"The model ran on {device}, but only {', '.join(sorted(domains))} was metered.",
            remedy=f"Add a meter that measures the {needed}; `llem doctor` lists what is missing.",
        )
