"""Frozen energy counters: stretches over which one did not move although it was read and power was drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.faults import Fault

STILL_S = 0.25
"""Two and a half periods of the slowest counter known (100 ms, NVML on A100 and GH200): the counter showed one value
in readings that lie further apart than this."""
SHORTEST_S = 0.6
"""From the reading before the constant ones to the one after them: six such periods."""
USUAL, MISSED = 0.9, 3.0
"""A counter that ticks more slowly stays constant for longer in nine of ten cases; three times as long is a freeze."""
READINGS = 3
"""Of power, at least, to judge by."""
CAUGHT_UP = 0.25
"""A counter that afterwards agrees with the integrated power to within this share was late, and lost nothing."""


def find_freezes(
    read_s: NDArray[Any], energy_j: NDArray[Any], power: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[Fault, ...]:
    """Return the freezes of a counter that read `energy_j`, rising, at `read_s`, both of shape (n,).

    Only readings that did not rise show a freeze. `power` is the times and watts of the same channel.
    """
    return tuple(
        Fault(
            start_s=start_s,
            end_s=end_s,
            code="counter_frozen",
            reason=f"the energy counter did not move for {end_s - start_s:.1f} s",
        )
        for start_s, end_s, rise_j in _constant(read_s, energy_j)
        if not _caught_up(start_s, end_s, rise_j, power)
    )


def _constant(read_s: NDArray[Any], energy_j: NDArray[Any]) -> Iterable[tuple[float, float, float]]:
    """Yield when each long stretch of equal readings began and ended, and by how much the counter then rose."""
    if len(read_s) < 2:
        return
    rose = np.flatnonzero(np.diff(energy_j) > 0)
    first, last = np.append(0, rose + 1), np.append(rose, len(read_s) - 1)
    before, after = np.maximum(first - 1, 0), np.minimum(last + 1, len(read_s) - 1)
    still_s = read_s[last] - read_s[first]
    longest_s = max(STILL_S, MISSED * float(np.quantile(still_s, USUAL)))
    long = (still_s > longest_s) & (read_s[after] - read_s[before] > SHORTEST_S)
    for at in np.flatnonzero(long):
        rise_j = energy_j[after[at]] - energy_j[first[at]]
        yield float(read_s[first[at]]), float(read_s[after[at]]), float(rise_j)


def _caught_up(start_s: float, end_s: float, rise_j: float, power: tuple[NDArray[Any], NDArray[Any]]) -> bool:
    t_s, power_w = power
    within = (t_s >= start_s) & (t_s <= end_s)
    if within.sum() < READINGS:
        return False
    expected_j = float(np.mean(power_w[within])) * (end_s - start_s)
    return abs(rise_j - expected_j) <= CAUGHT_UP * expected_j
