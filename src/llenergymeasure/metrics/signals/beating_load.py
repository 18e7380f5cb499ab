"""Power readings that swing slowly though the load does not: signs of a load in step with a sensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_READINGS = 12
"""Fewer show no course of power."""
LONGEST_CYCLE = 3
"""Readings for each turn of a load that beats: at more of them they show most of it."""
SHARPEST_STEP = 0.3
"""Of the range. Work begins and ends between two readings; phases of a load that beats shift by a little with each."""
ROUGHEST = 0.1
"""Mean square of the differences over twice the variance (von Neumann): 1 where readings are independent."""
EXPLAINED = 0.5
"""Share of the variance that the course of the work explains: then it is the load that swings."""
FEWEST_KNOWN = 8
"""Readings with all that may explain them."""


def slow_swing(power_w: Sequence[NDArray[np.float64]]) -> float | None:
    """Return half of the swing of readings over their mean, where they swing slowly and smoothly; else None.

    `power_w` has what one sensor published, one value for each update, in stretches of the same work, each an array of
    shape (n,). Of a load that goes round in nearly k updates, every k-th reading shows nearly the same phase. The swing
    is that of means over k readings, from their 5th to their 95th percentile.
    """
    for cycle in range(1, LONGEST_CYCLE + 1):
        swing = _swing(power_w, cycle)
        if swing is not None:
            return swing
    return None


def _swing(power_w: Sequence[NDArray[np.float64]], cycle: int) -> float | None:
    long = [each for each in power_w if len(each) > cycle]
    if sum(len(each) - cycle for each in long) < FEWEST_READINGS:
        return None
    whole_w = np.concatenate(long)
    steps_w = np.concatenate([np.abs(each[cycle:] - each[:-cycle]) for each in long])
    means_w = np.concatenate([np.convolve(each, np.full(cycle, 1 / cycle), mode="valid") for each in long])
    variance, mean_w = float(whole_w.var()), float(whole_w.mean())
    if variance <= 0 or mean_w <= 0:
        return None
    is_smooth = steps_w.max() < SHARPEST_STEP * np.ptp(whole_w)
    if not is_smooth or np.mean(steps_w**2) > 2 * ROUGHEST * variance:
        return None
    low_w, high_w = np.quantile(means_w, (0.05, 0.95))
    return float(high_w - low_w) / 2 / mean_w


def explained_share(power_w: NDArray[np.float64], causes: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the share of the variance of readings that `causes` explain together (least squares); None: not known.

    All are arrays of shape (n,), NaN where a value is unknown: then the last one that was known holds. Of causes, those
    that are mostly unknown are left out.
    """
    known = [_last_known(each) for each in causes if np.isfinite(each).sum() >= FEWEST_KNOWN]
    if not known:
        return None
    rows = np.isfinite(np.stack([power_w, *known])).all(axis=0)
    if rows.sum() < FEWEST_KNOWN or power_w[rows].var() == 0:
        return None
    table = np.stack([np.ones(rows.sum()), *(each[rows] for each in known)], axis=1)
    fitted_w = table @ np.linalg.lstsq(table, power_w[rows], rcond=None)[0]
    return float(1 - np.mean((power_w[rows] - fitted_w) ** 2) / power_w[rows].var())


def _last_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    at = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))
    filled: NDArray[np.float64] = values[at]
    return filled
