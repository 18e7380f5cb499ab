"""Frozen energy counters: stretches over which one did not move although it was read and power was drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
"""At least, to judge by."""
BESIDE_S = (1.0, 3.0)
"""Before and after a standstill; power that is the same over all of these is steady."""
CAUGHT_UP = 0.25
"""A counter that afterwards agrees to within this share with what was drawn was late, and lost nothing."""
MISSED_PART = 0.5
"""Of the energy drawn while it stood still, that a late counter shows at least, beyond what was drawn since then."""
SHOWN_LATER_S = 1.1
"""A mean over a second shows so much later what was drawn."""
LONGEST_TICK_S = 0.1
"""What a counter shows at its first tick after a freeze was drawn in so long a time at most."""


@dataclass(frozen=True, kw_only=True)
class _Still:
    """A long stretch of equal readings, from the first to the last of them; at `end_s` one had risen by `rise_j`."""

    start_s: float
    last_s: float
    end_s: float
    rise_j: float


def find_freezes(
    read_s: NDArray[Any], energy_j: NDArray[Any], power: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[Fault, ...]:
    """Return the freezes of a counter that read `energy_j`, rising, at `read_s`, both of shape (n,).

    Only readings that did not rise show a freeze. `power` is the times and watts of the same channel.
    """
    return tuple(
        Fault(
            start_s=still.start_s,
            end_s=still.end_s,
            code="counter_frozen",
            reason=f"the energy counter did not move for {still.end_s - still.start_s:.1f} s",
        )
        for still in _standstills(read_s, energy_j)
        if not _caught_up(still, power, _steady_w(still, read_s, energy_j))
    )


def _standstills(read_s: NDArray[Any], energy_j: NDArray[Any]) -> Iterable[_Still]:
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
        yield _Still(
            start_s=float(read_s[first[at]]),
            last_s=float(read_s[last[at]]),
            end_s=float(read_s[after[at]]),
            rise_j=float(rise_j),
        )


def _steady_w(still: _Still, read_s: NDArray[Any], energy_j: NDArray[Any]) -> float | None:
    """Return the mean power by the counter itself around a standstill; None where it is not the same on both sides."""
    before = [_rate_w(read_s, energy_j, still.start_s - each_s, still.start_s) for each_s in BESIDE_S]
    after = [_rate_w(read_s, energy_j, still.end_s, still.end_s + each_s) for each_s in BESIDE_S]
    rates_w = [each for each in (*before, *after) if each is not None]
    if len(rates_w) < 2 * len(BESIDE_S) or max(rates_w) - min(rates_w) > CAUGHT_UP * max(rates_w):
        return None
    return max(rates_w)


def _rate_w(read_s: NDArray[Any], energy_j: NDArray[Any], start_s: float, end_s: float) -> float | None:
    first, last = np.searchsorted(read_s, start_s), np.searchsorted(read_s, end_s, side="right") - 1
    if last - first < READINGS:
        return None
    return float((energy_j[last] - energy_j[first]) / (read_s[last] - read_s[first]))


def _caught_up(still: _Still, power: tuple[NDArray[Any], NDArray[Any]], steady_w: float | None) -> bool:
    """Return whether the rise after a standstill is what was drawn meanwhile, and more than was drawn since it ended.

    After a freeze at low power, work may draw in a moment as much as was lost. Without power readings, only steady
    power on both sides tells what was drawn.
    """
    t_s, power_w = power
    within = (t_s >= still.start_s) & (t_s <= still.end_s)
    if within.sum() >= READINGS:
        since = (t_s >= still.last_s) & (t_s <= still.end_s + SHOWN_LATER_S)
        mean_w, since_w = float(np.mean(power_w[within])), float(np.max(power_w[since]))
    elif steady_w is not None:
        mean_w = since_w = steady_w
    else:
        return False
    drawn_j = mean_w * (still.end_s - still.start_s)
    since_j = since_w * (still.end_s - still.last_s + LONGEST_TICK_S)
    agrees = abs(still.rise_j - drawn_j) <= CAUGHT_UP * drawn_j
    return agrees and still.rise_j - since_j >= MISSED_PART * mean_w * (still.last_s - still.start_s)
