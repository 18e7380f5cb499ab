"""The trace that the library makes of readings of one sensor, in seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.sample import UNKNOWN_REASONS
from llenergymeasure.domain.trace import Channel, EnergyTrace, sample_dtype
from llenergymeasure.meters.gpu_choice import LINEARITY, LINEARITY_W, OFFSET_ERROR_W, RELATIVE_ERROR

BASE_NS = 1_700_000_000_000_000_000
UNREAD = ("temperature_c", "sm_clock_mhz", "memory_clock_mhz", "utilisation_pct")


def one_channel(
    t_s: NDArray[np.float64],
    power_w: NDArray[np.float64],
    energy_j: NDArray[np.float64],
    averaging_s: float | None,
    *,
    is_linear: bool = False,
) -> EnergyTrace:
    """Return a trace of one GPU, which has a counter where any `energy_j` is not NaN.

    It states the errors that NVML's meter states of a board; one that `is_linear` is simulated, and deviates by nothing
    from a straight line of the power.
    """
    samples = np.zeros(len(t_s), dtype=sample_dtype())
    for name in UNREAD:
        samples[name] = np.nan
    samples["throttle_reasons"] = UNKNOWN_REASONS
    samples["t_unix_ns"] = unix_ns(t_s)
    samples["power_w"], samples["energy_j"] = power_w, energy_j
    counts = np.isfinite(energy_j).any()
    channel = Channel(
        meter="nvml",
        domain="gpu",
        device="GPU-of-the-log",
        label="GPU 0",
        method="counter" if counts else "sampled",
        averaging_window_s=averaging_s,
        relative_error=RELATIVE_ERROR,
        offset_error_w=OFFSET_ERROR_W,
        linearity=0.0 if is_linear else LINEARITY,
        linearity_w=0.0 if is_linear else LINEARITY_W,
    )
    return EnergyTrace(channels=[channel], samples=samples)


def unix_ns(t_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the Unix time of a time of the log."""
    return BASE_NS + np.round(t_s * 1e9).astype(np.int64)
