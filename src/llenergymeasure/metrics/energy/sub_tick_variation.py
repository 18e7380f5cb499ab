"""Power that changes faster than an energy counter ticks, as the power readings beside it show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks

READING_AGE_S = 0.06
"""A reading that is seen for the first time was published up to a sampling gap ago, and is of up to 25 ms before."""
ENOUGH = 3
SHARE = 0.57
"""A square wave of deviation s that goes round once within a tick of length d lies up to s d / 2 off a straight line,
s d / (2 sqrt 3) in the mean of squares; 1.96 of these are 0.57 s d. What goes round more often lies less off."""


def sub_tick_variation_j(ticks: Ticks, read_s: NDArray[Any], power_w: NDArray[Any]) -> float:
    """Return the 95 % half-width that it leaves open at the two ends of a window, in joules.

    `power_w` are the readings of the window, seen at `read_s` on the axis of the ticks. Of each reading counts by how
    much it lies outside the mean powers of the tick intervals that it can stem from: a counter's ticks show changes
    that are slower than themselves, and only hide the others.
    """
    fresh = np.flatnonzero(np.diff(power_w) != 0) + 1
    if len(fresh) < ENOUGH or len(ticks) < ENOUGH:
        return 0.0
    beyond_w = _outside(ticks, read_s[fresh], power_w[fresh])
    deviation_w = math.sqrt(float(np.mean(beyond_w**2)))
    tick_s = float(np.median(np.diff(ticks.t_s)))
    return math.sqrt(2) * SHARE * deviation_w * tick_s


def _outside(ticks: Ticks, read_s: NDArray[Any], power_w: NDArray[Any]) -> NDArray[Any]:
    """Return how far each reading lies outside the range of the tick intervals over the time before it."""
    mean_w = np.diff(ticks.energy_j) / np.diff(ticks.t_s)
    first, last = (
        np.clip(np.searchsorted(ticks.t_s, at_s, side="right") - 1, 0, len(mean_w) - 1)
        for at_s in (read_s - READING_AGE_S, read_s)
    )
    low_w, high_w = mean_w[first], mean_w[first]
    for step in range(1, int((last - first).max()) + 1):
        next_w = mean_w[np.minimum(first + step, last)]
        low_w, high_w = np.minimum(low_w, next_w), np.maximum(high_w, next_w)
    outside: NDArray[Any] = np.maximum(np.maximum(low_w - power_w, power_w - high_w), 0.0)
    return outside
