"""Checks of the sensors: readings that are missing, refused, stale, reset or frozen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.gaps import Gap, find_sampling_gaps, within

GPU_IS_LOST = 15
"""nvml.h: NVML_ERROR_GPU_IS_LOST."""
REFUSED_SHARE = 0.05
"""Of the readings; a judgement: cards that are read often sometimes answer with an error, without harm."""

_REMEDIES = {
    "counter_reset": "Find what reset the device (dmesg, a driver reload), then run again.",
    "counter_frozen": "Reset the GPU or reload its driver, or take another meter (energy.meters), then run again.",
    "counter_wrap_missed": "Find what stopped the sampler for minutes (suspend, high load), then run again.",
}


def check_counters_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A counter that was reset, was frozen, or was not read for longer than it takes to wrap."""
    for curve in inputs.account.curves:
        if not isinstance(curve, CounterCurve):
            continue
        for fault in curve.known.faults:
            gap = _gap(curve, fault)
            where = "within a window" if gap.touches(inputs.windows) else "outside the windows"
            yield RunWarning(
                code=fault.code,
                message=f"{curve.channel.label}: {fault.reason}, at {_clock_time(gap.start_ns)}, {where}.",
                remedy=_REMEDIES[fault.code],
            )


def check_sampling_kept_up(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Pauses between two readings within a window."""
    longest: list[tuple[float, str]] = []
    for index, curve in enumerate(inputs.account.curves):
        pauses = find_sampling_gaps(inputs.account.trace.of(index))
        lasted = [gap.duration_s for gap in pauses if gap.touches(inputs.windows)]
        if lasted and curve.method != "estimated":
            longest.append((max(lasted), curve.channel.label))
    if longest:
        labels = ", ".join(dict.fromkeys(label for _, label in longest))
        yield RunWarning(
            code="sample_gap",
            message=f"Within a window there were up to {max(longest)[0]:.1f} s without a reading of {labels}.",
            remedy="Give the sampler more processor time: fewer threads, or cores of its own.",
        )


def check_sensors_answered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Sensors that were lost, or often refused to answer."""
    for index, curve in enumerate(inputs.account.curves):
        channel, samples = curve.channel, inputs.account.trace.of(index)
        lost = samples[samples["error"] == GPU_IS_LOST]
        if channel.domain == "gpu" and len(lost):
            yield RunWarning(
                code="gpu_lost",
                message=f"{channel.label} was lost at {_clock_time(int(lost['t_unix_ns'][0]))}: the driver no longer "
                "reaches it.",
                remedy="See dmesg for an Xid error, reset the card or restart the machine, then run again.",
            )
        during = within(samples[samples["error"] != GPU_IS_LOST], inputs.windows)
        share, codes = _refused(during)
        if share > REFUSED_SHARE:
            yield RunWarning(
                code="sensor_errors",
                message=f"{channel.label} did not answer {share:.0%} of the readings within the windows{codes}.",
                remedy="Find what else polls the device (nvidia-smi, dcgm), and end it.",
            )


def check_power_is_fresh(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A power reading that is constant although the power changes, or for longer than a live sensor is."""
    for index, curve in enumerate(inputs.account.curves):
        stale = inputs.stale_power[index]
        if stale is None or stale.value is None:
            continue
        effect = (
            "its energy comes from it" if curve.method == "sampled" else "its energy comes from the counter"
        )
        yield RunWarning(
            code="power_stale",
            message=f"The power reading of {curve.channel.label} was constant at {stale.value:.3f} W for "
            f"{stale.duration_s:.1f} s from {_clock_time(stale.start_ns)} on; {effect}.",
            remedy="Reload the driver or update it, then run again.",
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


def _clock_time(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, tz=timezone.utc).strftime("%H:%M:%S UTC")
