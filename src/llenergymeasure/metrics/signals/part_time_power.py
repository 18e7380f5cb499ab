"""Cumulative energy from part-time power readings: each is the mean of only the last part of its period."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import UpdateGrid

LEAST_STEP_W = 8.0
"""Smaller differences between two readings may be noise: NVIDIA states ±5 W for each, √2 · 5 W for a difference."""


def part_time_energy(grid: UpdateGrid, averaging_s: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times and the energy drawn until then, from readings that average over `averaging_s` of each period.

    While a reading averages, the energy is its own. Between two of them it is that of a straight line from the power at
    the end of the one to that at the start of the other, which is also the mean over a step at an unknown time. A
    reading that lies between its neighbours, well away from both, contains a step from the one to the other: then the
    power before and after is theirs.
    """
    ends_s, power_w = grid.t_s[grid.seen], grid.power_w[grid.seen]
    at_start_w, at_end_w = _step_within(power_w)
    averaging_s = min(averaging_s, grid.period_s)
    times_s = np.column_stack([ends_s - averaging_s, ends_s]).ravel()
    rises_j = np.empty(len(times_s))
    rises_j[0] = 0.0
    rises_j[1::2] = averaging_s * power_w
    rises_j[2::2] = (ends_s[1:] - averaging_s - ends_s[:-1]) * (at_end_w[:-1] + at_start_w[1:]) / 2
    return times_s, np.cumsum(rises_j)


def _step_within(power_w: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the power at the start and at the end of each reading."""
    rise_w = np.diff(power_w)
    at_start_w, at_end_w = power_w.copy(), power_w.copy()
    clear = np.abs(rise_w) > LEAST_STEP_W
    stepped = 1 + np.flatnonzero(clear[:-1] & clear[1:] & (rise_w[:-1] * rise_w[1:] > 0))
    at_start_w[stepped], at_end_w[stepped] = power_w[stepped - 1], power_w[stepped + 1]
    return at_start_w, at_end_w
