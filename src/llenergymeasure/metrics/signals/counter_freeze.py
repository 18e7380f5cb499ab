"""Frozen energy counters: stretches over which one did not move although it was read and power was drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.faults import Fault

SHORTEST_S = 0.5
TICKS_MISSED = 5
"""A freeze is longer than both: half a second, five periods of the slowest counter known; and five usual periods."""
PAUSE = 10.0
"""This many usual sampling gaps without a reading are a pause of the sampling, not of the counter."""
SAME_READINGS = 4
"""Of the counter, at least, between two of its steps: a single gap in the sampling shows nothing about the counter."""
READINGS = 5
"""Of power, at least, to judge by."""
CAUGHT_UP = 0.25
"""A counter that afterwards agrees with the integrated power to within this share was late, and lost nothing."""


def find_freezes(
    ticks: Ticks, read_s: NDArray[Any], power: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[Fault, ...]:
    """Return the freezes between ticks and after the last one; `power` is the times and watts of the same channel."""
    return tuple(
        Fault(
            start_s=start_s,
            end_s=end_s,
            code="counter_frozen",
            reason=f"the energy counter did not move for {end_s - start_s:.1f} s",
        )
        for start_s, end_s, rise_j in _constant(ticks, read_s)
        if not _caught_up(start_s, end_s, rise_j, power)
    )


def _constant(ticks: Ticks, read_s: NDArray[Any]) -> Iterable[tuple[float, float, float]]:
    ends_s = np.append(ticks.t_s[1:], read_s[-1])
    rises_j = np.append(np.diff(ticks.energy_j), 0.0)
    usual_s = float(np.median(np.diff(ticks.t_s)))
    watched_s = _watched_s(read_s, ends_s) - _watched_s(read_s, ticks.t_s)
    long = watched_s > max(SHORTEST_S, TICKS_MISSED * usual_s)
    readings = np.searchsorted(read_s, ends_s) - np.searchsorted(read_s, ticks.t_s)
    for at in np.flatnonzero(long & (readings >= SAME_READINGS)):
        yield float(ticks.t_s[at]), float(ends_s[at]), float(rises_j[at])


def _watched_s(read_s: NDArray[Any], until_s: NDArray[Any]) -> NDArray[Any]:
    """Return for how long the counter had been read without a pause of the sampling."""
    gaps_s = np.diff(read_s)
    kept_s = np.where(gaps_s > PAUSE * np.median(gaps_s), 0.0, gaps_s)
    watched_s: NDArray[Any] = np.interp(until_s, read_s, np.concatenate([[0.0], np.cumsum(kept_s)]))
    return watched_s


def _caught_up(start_s: float, end_s: float, rise_j: float, power: tuple[NDArray[Any], NDArray[Any]]) -> bool:
    t_s, power_w = power
    within = (t_s >= start_s) & (t_s <= end_s)
    if within.sum() < READINGS:
        return False
    expected_j = float(np.mean(power_w[within])) * (end_s - start_s)
    return abs(rise_j - expected_j) <= CAUGHT_UP * expected_j
