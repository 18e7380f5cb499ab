"""Checks of the sensors: readings that are refused, stale, impossible, reset or frozen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.sample import READING_INVALID
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.gaps import Gap, within

GPU_IS_LOST = 15
"""nvml.h: NVML_ERROR_GPU_IS_LOST."""

_FAULTS_BECAUSE = (
    "Energy over a fault is unknown: a window that has one is invalid for this reason (`energy_unknown`)."
)
COUNTER_FAULTS = (
    WarningCode(
        code="counter_reset",
        meaning="An energy counter went back: what it counted before is lost.",
        remedy="Find what reset the device (dmesg, a driver reload), then run again.",
        severity="warning",
        because=_FAULTS_BECAUSE,
    ),
    WarningCode(
        code="counter_frozen",
        meaning="An energy counter stood still although the device worked.",
        remedy="Reset the GPU or reload its driver, or take another meter (energy.meters), then run again.",
        severity="warning",
        because=_FAULTS_BECAUSE,
    ),
    WarningCode(
        code="counter_wrap_missed",
        meaning="An energy counter was not read for longer than it takes to run through its whole range.",
        remedy="Find what stopped the sampler for minutes (suspend, high load), then run again.",
        severity="warning",
        because=_FAULTS_BECAUSE,
    ),
)
GPU_LOST = WarningCode(
    code="gpu_lost",
    meaning="The driver no longer reaches a card.",
    remedy="See dmesg for an Xid error, reset the card or restart the machine, then run again.",
    severity="warning",
    because="Windows before it are complete; the energy of the others is unknown (`energy_unknown`).",
)
SENSOR_ERRORS = WarningCode(
    code="sensor_errors",
    meaning="A device often refused to be read within the windows.",
    remedy="Find what else polls the device (nvidia-smi, dcgm), and end it.",
    severity=Levels(of="fraction of the readings within the windows", warning=0.05, invalid=0.5),
    because="A judgement: cards that are read often sometimes answer with an error, without harm; more errors than "
    "readings are a sensor that does not work.",
)
SENSOR_VALUES_IMPOSSIBLE = WarningCode(
    code="sensor_values_impossible",
    meaning="A sensor published energy or power that cannot be: below zero, infinite, or far too large.",
    remedy="Report it to the authors of the meter or of its driver, or name other meters (energy.meters).",
    severity=Levels(of="fraction of the readings within the windows", least="warning", invalid=0.05),
    because="Such values are left out, so their time has the power of the readings around it. A judgement: from one in "
    "twenty on, the other readings of the sensor are no better.",
)
POWER_STALE = WarningCode(
    code="power_stale",
    meaning="A power reading stayed the same to the last digit for longer than that of a sensor that works.",
    remedy="Reload the driver or update it, then run again.",
    severity=Levels(
        of="fraction of the windows whose energy comes from the stale reading",
        least="info",
        warning=0.0,
        invalid=0.1,
    ),
    because="Where the energy comes from the counter it is unaffected; else the energy of that part is a guess, and "
    "a tenth of the windows may be off by several times.",
)


def check_counters_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A counter that was reset, was frozen, or was not read for longer than it takes to wrap."""
    for curve in inputs.account.curves:
        if not isinstance(curve, CounterCurve):
            continue
        for row in COUNTER_FAULTS:
            faults = [fault for fault in curve.known.faults if fault.code == row.code]
            if faults:
                yield from row.raised(f"{curve.channel.label}: {_counter_faults(curve, faults, inputs)}.")


def _counter_faults(curve: CounterCurve, faults: Sequence[Fault], inputs: CheckInputs) -> str:
    """Return in words what the first fault is, and how many more of its kind there are."""
    gaps = [_gap(curve, fault) for fault in faults]
    inside = [gap.touches(inputs.windows) for gap in gaps]
    where = "within a window" if inside[0] else "outside the windows"
    first = f"{faults[0].reason}, at {clock_time(gaps[0].start_ns)}, {where}"
    if len(faults) == 1:
        return first
    return (
        f"{first}; this happened {len(faults)} times in all, {sum(inside)} of them within a window, the last time at "
        f"{clock_time(gaps[-1].start_ns)}"
    )


def check_sensors_answered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Sensors that were lost, or often refused to answer."""
    for index, curve in enumerate(inputs.account.curves):
        channel, samples = curve.channel, inputs.account.trace.of(index)
        lost = samples[samples["error"] == GPU_IS_LOST]
        if channel.domain == "gpu" and len(lost):
            yield from GPU_LOST.raised(
                f"{channel.label} was lost at {clock_time(int(lost['t_unix_ns'][0]))}: "
                "the driver no longer reaches it."
            )
        told = np.isin(samples["error"], (GPU_IS_LOST, READING_INVALID))
        during = within(samples[~told], inputs.windows)
        share, codes = _refused(during)
        yield from SENSOR_ERRORS.raised(
            f"{channel.label} did not answer {share:.0%} of the readings within the windows{codes}.",
            magnitude=share,
        )


def check_values_are_possible(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Energy or power that no device can have."""
    for index, curve in enumerate(inputs.account.curves):
        samples = inputs.account.trace.of(index)
        impossible = samples[samples["error"] == READING_INVALID]
        if len(impossible):
            during = within(samples, inputs.windows)
            share = float((during["error"] == READING_INVALID).mean()) if len(during) else None
            size = "" if share is None else f", {share:.0%} of the readings within the windows"
            yield from SENSOR_VALUES_IMPOSSIBLE.raised(
                f"{curve.channel.label} published values that cannot be (below zero, infinite or far too large), the "
                f"first at {clock_time(int(impossible['t_unix_ns'][0]))}{size}; they are left out.",
                magnitude=share,
            )


def check_power_is_fresh(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A power reading that is constant although the power changes, or for longer than a live sensor is."""
    for index, curve in enumerate(inputs.account.curves):
        stale = inputs.stale_power[index]
        if stale is None or stale.value is None:
            continue
        source = "it" if curve.method == "sampled" else "the counter"
        windows_s = sum(window.duration_s for window in inputs.windows)
        yield from POWER_STALE.raised(
            f"The power reading of {curve.channel.label} was constant at {stale.value:.3f} W for "
            f"{stale.duration_s:.1f} s from {clock_time(stale.start_ns)} on; its energy comes from {source}.",
            magnitude=stale.duration_s / windows_s if curve.method == "sampled" else 0.0,
        )


def _gap(curve: CounterCurve, fault: Fault) -> Gap:
    start_ns, end_ns = (curve.known.origin_ns + round(at_s * 1e9) for at_s in (fault.start_s, fault.end_s))
    return Gap(start_ns=start_ns, end_ns=end_ns)


def _refused(samples: NDArray[Any]) -> tuple[float, str]:
    """Return the share of readings without an answer, of the counter or the power, and the codes in words."""
    if not len(samples):
        return 0.0, ""
    failed = samples["error"] != 0
    codes = sorted({int(code) for code in samples["error"][failed] if code > 0})
    has_power = np.isfinite(samples["power_w"])
    if has_power.any():
        failed |= ~has_power
    codes_text = f" (error {', '.join(map(str, codes))})" if codes else ""
    return float(failed.mean()), codes_text


def clock_time(unix_ns: int) -> str:
    """Return the time of day of a moment, in words."""
    return datetime.fromtimestamp(unix_ns / 1e9, tz=timezone.utc).strftime("%H:%M:%S UTC")
