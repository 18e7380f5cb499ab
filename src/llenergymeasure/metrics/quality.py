"""Doubts about a run, as typed warnings with a figure and a remedy, and the verdict they sum up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning, Verdict
from llenergymeasure.metrics.repeats import RepeatRow

MIN_REPEATS = 3
SHORT_WINDOW_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run is judged by."""

    config: ExperimentConfig
    rows: Sequence[RepeatRow]
    energy: EnergyBreakdown
    interrupted: str | None = None
    """Why the sampler ended before the run did."""
    stopped_because: str | None = None


Check = Callable[[Evidence], Iterable[RunWarning]]


def verdict(warnings: Iterable[RunWarning]) -> Verdict:
    """Return `invalid` if any warning says so, `valid` without warnings, else `valid_with_warnings`."""
    severities = {warning.severity for warning in warnings}
    if "invalid" in severities:
        return "invalid"
    return "valid_with_warnings" if "warning" in severities else "valid"


def run_warnings(evidence: Evidence) -> tuple[RunWarning, ...]:
    """Return every doubt about a finished run, the gravest first."""
    found = [warning for check in CHECKS for warning in check(evidence)]
    order = {"invalid": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda warning: order[warning.severity]))


def check_energy_is_known(evidence: Evidence) -> Iterable[RunWarning]:
    """Energy that was not asked for, or asked for and not measured."""
    if evidence.config.energy.meters == "none":
        yield RunWarning(
            code="energy_not_asked_for",
            message="No energy was measured: energy.meters is none.",
            remedy="Set energy.meters to auto, or leave it out.",
            severity="info",
        )
        return
    if evidence.interrupted is not None:
        yield RunWarning(
            code="sampler_died",
            message=f"The sampling of the meters ended before the run did: {evidence.interrupted}.",
            remedy="Run again; if it recurs, look for what ends the process (out of memory, a job limit).",
            severity="invalid",
        )
    rows = evidence.rows
    reasons = {row.joules.reason for row in rows if row.joules.reason is not None}
    for reason in sorted(reasons):
        unknown = sum(row.joules.reason == reason for row in rows)
        yield RunWarning(
            code="energy_unknown",
            message=f"Energy is unknown in {unknown} of {len(rows)} windows: {reason}.",
            remedy="See `llem doctor` for the state of each meter, then run again.",
            severity="invalid",
        )


def check_energy_is_measured(evidence: Evidence) -> Iterable[RunWarning]:
    """An estimate that stands for a measurement."""
    for device in evidence.energy.by_device:
        if device.method == "estimated" and device.counted:
            yield RunWarning(
                code="energy_estimated",
                message=f"Energy of {device.label} is an estimate, not a measurement: {device.note}.",
                remedy="Make a meter readable: `llem doctor` prints the command for this machine.",
            )


def check_compute_device_is_metered(evidence: Evidence) -> Iterable[RunWarning]:
    """A boundary that leaves out the device on which the model ran."""
    domains = {device.domain for device in evidence.energy.by_device if device.counted}
    device = evidence.config.device
    needed = "gpu" if device == "cuda" else "cpu"
    if domains and needed not in domains and "system" not in domains:
        yield RunWarning(
            code="compute_device_not_metered",
            message=f"The model ran on {device}, but only {', '.join(sorted(domains))} was metered.",
            remedy=f"Add a meter that sees the {needed}; `llem doctor` lists what is missing.",
        )


def check_window_is_long(evidence: Evidence) -> Iterable[RunWarning]:
    """Windows too short, or too few, to say much."""
    rows = evidence.rows
    if rows and min(row.duration_s for row in rows) < SHORT_WINDOW_S:
        shortest = min(row.duration_s for row in rows)
        yield RunWarning(
            code="window_short",
            message=f"The shortest window lasted {shortest:.2f} s, under {SHORT_WINDOW_S:.0f} s.",
            remedy="Raise measurement.window.min_duration_s or workload.n_prompts.",
        )
    if len(rows) < MIN_REPEATS:
        yield RunWarning(
            code="few_repeats",
            message=f"{len(rows)} repeat(s) say little about the spread; {MIN_REPEATS} are the least.",
            remedy=f"Set measurement.repeats.min to {MIN_REPEATS} or more.",
        )


def check_target_is_reached(evidence: Evidence) -> Iterable[RunWarning]:
    """An interval wider than was asked for."""
    repeats = evidence.config.measurement.repeats
    if evidence.stopped_because == "max_reached" and repeats.target_relative_ci is not None:
        yield RunWarning(
            code="target_not_reached",
            message=f"After {repeats.max} repeats J/token still spreads by more than the "
            f"±{repeats.target_relative_ci:.1%} asked for.",
            remedy="Lengthen the window (measurement.window.min_duration_s) or allow more repeats.",
        )


CHECKS: tuple[Check, ...] = (
    check_energy_is_known,
    check_energy_is_measured,
    check_compute_device_is_metered,
    check_window_is_long,
    check_target_is_reached,
)
"""Everything a run is checked for."""
