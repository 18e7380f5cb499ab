"""Resolution of a sensor: the step in which it states its readings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FINEST = 1e-6
"""RAPL states microjoules; no meter has finer units."""
USUAL = 1e-3
"""NVML states millijoules and milliwatts."""
FEWEST_STEPS = 8
"""Different steps from which their common divisor is taken for the resolution: a constant power has only one."""


def resolution(readings: NDArray[Any]) -> float:
    """Return the step of which all differences of the readings, of shape (n,), are multiples, in their own unit.

    RAPL counts in 61 microjoules and rounds to whole ones, which appears as a step of one. With too few different
    steps, it is NVML's.
    """
    steps = np.unique(np.diff(np.rint(readings[np.isfinite(readings)] / FINEST)).astype(np.int64))
    steps = steps[steps > 0]
    return float(np.gcd.reduce(steps)) * FINEST if len(steps) >= FEWEST_STEPS else USUAL
