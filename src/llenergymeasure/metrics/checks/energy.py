"""Checks of the energy: unknown, estimated, or of the wrong device."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.attribution.phases.reasons import BREAK
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

ENERGY_NOT_ASKED_FOR = WarningCode(
    code="energy_not_asked_for",
    meaning="The configuration turns all meters off, so there is no energy in the result.",
    remedy="Set energy.meters to auto, or leave it out.",
    severity="info",
    because="The user chose it, and the other figures are right.",
)
SAMPLER_DIED = WarningCode(
    code="sampler_died",
    meaning="The process that reads the meters ended before the run did.",
    remedy="Run again; if it happens again, find what ends the process (out of memory, a job limit).",
    severity="invalid",
    because="The energy after that moment is unknown.",
)
ENERGY_UNKNOWN = WarningCode(
    code="energy_unknown",
    meaning="The energy of one or more windows is unknown; the message says why.",
    remedy="See `llem doctor` for the state of each meter, then run again.",
    severity="invalid",
    because="Figures over the other windows alone would choose among the windows by their faults.",
)
ENERGY_ESTIMATED = WarningCode(
    code="energy_estimated",
    meaning="The energy of a device is estimated from its load, not measured.",
    remedy="Make a meter readable: `llem doctor` prints the command for this machine.",
    severity=Levels(of="fraction of the total energy that is this estimate", least="warning"),
    because="Estimates were seen 40 % off a wall meter (arXiv 2509.22092); the interval of the figures includes this.",
)
COMPUTE_DEVICE_NOT_METERED = WarningCode(
    code="compute_device_not_metered",
    meaning="The total energy does not include the device on which the model ran, or a part of it.",
    remedy="Add a meter that measures it; `llem doctor` lists what is missing.",
    severity="invalid",
    because="What the model cost is then mostly outside the total, by an unknown amount.",
)

PHASES_LOCKED = WarningCode(
    code="phases_locked",
    meaning="Prefills keep to one place, or to one share, within the intervals that a sensor resolves, so the "
    "energies of prefill and of decode cannot be told apart.",
    remedy=BREAK,
    severity="info",
    because="Only the split into prefill and decode is missing; no other figure is affected.",
)

STEP_COSTS_INACCURATE = WarningCode(
    code="step_costs_inaccurate",
    meaning="The cost of steps, fitted without one repeat, predicts the energy of that repeat badly. Prices and the "
    "shares of requests follow from it.",
    remedy="Measure more and longer windows on a quiet machine, or serve requests that are more alike; the sums of "
    "requests, idle and overhead hold in any case.",
    severity=Levels(of="root mean square of the relative error of the energy of a repeat", info=0.05),
    because="A judgement: `make bench-prices` asks of prices that they predict an unseen mix of requests to 5 %. Only "
    "the price list and the shares of requests are affected: the energy of the windows is measured.",
)


def check_step_costs_predict(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A model of costs that does not hold from one repeat to the next."""
    error = None if inputs.attribution is None else inputs.attribution.out_of_sample_error
    if error is not None:
        yield from STEP_COSTS_INACCURATE.raised(
            f"The cost of steps, fitted without it, predicts the energy of a repeat to {error:.0%} only.",
            magnitude=error,
        )


def check_phases_are_not_locked(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A load that beats with a sensor: the phases of all its batches look alike to it."""
    split = inputs.phase_split
    if split.remedy is not None:
        yield from PHASES_LOCKED.raised(
            f"Prefill and decode are not identifiable: {split.reason}.", remedy=split.remedy
        )


def check_energy_is_known(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Energy that was not requested, or requested and not measured."""
    if inputs.config.energy.meters == "none":
        yield from ENERGY_NOT_ASKED_FOR.raised("No energy was measured: energy.meters is none.")
        return
    if inputs.interrupted is not None:
        yield from SAMPLER_DIED.raised(
            f"The sampling of the meters ended before the run did: {inputs.interrupted}."
        )
    rows = inputs.rows
    reasons = {row.energy.reason for row in rows if row.energy.reason is not None}
    for reason in sorted(reasons):
        unknown = sum(row.energy.reason == reason for row in rows)
        yield from ENERGY_UNKNOWN.raised(
            f"Energy is unknown in {unknown} of {len(rows)} windows: {reason}.", magnitude=unknown / len(rows)
        )


def check_energy_is_measured(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A total that includes an estimate."""
    for device in inputs.energy.by_device:
        if device.method == "estimated" and device.included_in_total:
            total_j = sum(each.energy_j or 0.0 for each in inputs.energy.by_device if each.included_in_total)
            known = device.energy_j is not None and total_j > 0
            yield from ENERGY_ESTIMATED.raised(
                f"Energy of {device.label} is an estimate, not a measurement: {device.note}.",
                magnitude=(device.energy_j or 0.0) / total_j if known else None,
            )


def check_compute_device_is_metered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A total without the device on which the model ran."""
    domains = {device.domain for device in inputs.energy.by_device if device.included_in_total}
    device = inputs.config.device
    needed = "gpu" if device == "cuda" else "cpu"
    if domains and needed not in domains and "system" not in domains:
        yield from COMPUTE_DEVICE_NOT_METERED.raised(
            f"The model ran on {device}, but only {', '.join(sorted(domains))} was metered.",
            remedy=f"Add a meter that measures the {needed}; `llem doctor` lists what is missing.",
        )
