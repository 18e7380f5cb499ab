"""The step in which a sensor states its readings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FINEST = 1e-6
"""RAPL states microjoules; nothing states less."""
USUAL = 1e-3
"""NVML states millijoules and milliwatts."""
ENOUGH = 8
"""Different steps from which a common divisor is believed: a constant power has but one."""


def resolution(readings: NDArray[Any]) -> float:
    """Return the step of which all differences of the readings, of shape (n,), are multiples, in their own unit.

    It is what can be told from readings: RAPL counts in 61 microjoules and rounds to whole ones, which shows as a step
    of one. Where too few different steps were seen, it is NVML's.
    """
    steps = np.unique(np.diff(np.rint(readings[np.isfinite(readings)] / FINEST)).astype(np.int64))
    steps = steps[steps > 0]
    return float(np.gcd.reduce(steps)) * FINEST if len(steps) >= ENOUGH else USUAL
