"""Checks of the energy: unknown, estimated, or of the wrong device."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.estimate import digits
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

LARGEST_ERROR = 0.05
"""Relative error of the energy of a repeat by costs that were fitted without it."""
LEAST_R2 = 0.5
"""Share of the variance along the run that the costs explain."""

STEP_COSTS_INACCURATE = WarningCode(
    code="step_costs_inaccurate",
    meaning="The fitted cost of steps explains little of how the energy varies along the run (R²), or predicts the "
    "energy of a repeat that it was not fitted to badly. Prices, the shares of requests, and prefill and decode where "
    "steps mix them follow from it.",
    remedy="Measure more and longer windows on a quiet machine. The sums of requests, idle and overhead hold in any "
    "case.",
    severity="info",
    because=f"A judgement: an error above {LARGEST_ERROR:.0%}, for `make bench-prices` asks of prices that they "
    f"predict an unseen mix of requests to that, or an R² below {LEAST_R2:g}, for more is then left over than "
    "explained. Only what follows from the costs is affected: the energy of the windows is measured.",
)


def check_step_costs_predict(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A model of costs that explains little, or does not hold from one repeat to the next."""
    summary, faults = inputs.attribution, []
    if summary is None:
        return
    if summary.r2 is not None and summary.r2 < LEAST_R2:
        worse = ": less than a constant would" if summary.r2 < 0 else ""
        faults.append(f"explains little of how the energy varies along the run (R² {summary.r2:.2f}{worse})")
    error = summary.out_of_sample_error
    if error is not None and error > LARGEST_ERROR:
        faults.append(
            f"predicts the energy of a repeat that it was not fitted to with an error of {digits(100 * error)} %"
        )
    if faults:
        message = f"The cost of steps {', and '.join(faults)}."
        yield from STEP_COSTS_INACCURATE.raised(message, magnitude=error)


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
