"""Power that changes faster than an energy counter ticks, as the power readings of the same sensor show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks

READING_AGE_S = 0.06
"""A reading that is seen for the first time was published up to a sampling gap ago (35 ms at 50 Hz), and is the mean of
the 25 ms before (A100, H100: Yang, Adamek, Armour, arXiv 2312.02741)."""
AROUND_NS = 5_000_000_000
"""Time on either side of an interval whose readings are looked at too: 50 of the usual sensor's."""
FEWEST = 3
"""Ticks, and new readings of an interval, from which a scatter is computed."""
PER_EDGE = 0.57
"""A square wave of deviation s that goes round once within a tick of length d lies up to s d / 2 off a straight line,
s d / (2 sqrt 3) in the mean of squares; 1.96 of these are 0.57 s d. What goes round more often lies less off."""


@dataclass(frozen=True, kw_only=True)
class SubTickVariation:
    """How far each power reading lies outside the mean powers of the tick intervals that it can stem from.

    `t_ns` are the times of all readings, Unix time; `outside_w2` the squares, 0 where a reading repeats the one before,
    and `is_new` where it does not. Arrays of shape (n,).
    """

    t_ns: NDArray[np.int64]
    outside_w2: NDArray[np.float64]
    is_new: NDArray[np.bool_]
    tick_s: float

    def edge_j(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the 95 % half-width of intervals by what changes within the tick at one of their edges, in joules.

        Ticks show slower changes themselves, and hide only faster ones. A short interval has few readings: those around
        it count too, where they show more.
        """
        within_j, around_j = (
            self._edge_j(start_ns, end_ns),
            self._edge_j(start_ns - AROUND_NS, end_ns + AROUND_NS),
        )
        energy_j: NDArray[np.float64] = np.maximum(within_j, around_j)
        return energy_j

    def _edge_j(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        first, last = np.searchsorted(self.t_ns, start_ns) + 1, np.searchsorted(self.t_ns, end_ns)
        last = np.maximum(first, last)
        count = np.concatenate([[0], np.cumsum(self.is_new)])
        new = count[np.minimum(last, len(self.t_ns))] - count[np.minimum(first, len(self.t_ns))]
        enough = new >= FEWEST
        mean_w2 = np.zeros(len(start_ns))
        if enough.any():
            edges = np.stack([first[enough], last[enough]], axis=1).ravel()
            sums_w2 = np.add.reduceat(np.append(self.outside_w2, 0.0), edges)[::2]
            mean_w2[enough] = sums_w2 / new[enough]
        return PER_EDGE * np.sqrt(mean_w2) * self.tick_s


def sub_tick_variation(
    ticks: Ticks, t_ns: NDArray[np.int64], read_s: NDArray[Any], power_w: NDArray[Any]
) -> SubTickVariation | None:
    """Compare power readings `power_w`, at `t_ns` or `read_s` on the axis of the ticks; None for too few ticks."""
    if len(ticks) < FEWEST:
        return None
    is_new = np.append(False, np.diff(power_w) != 0)[: len(power_w)]
    outside_w = np.where(is_new, _outside(ticks, read_s, power_w), 0.0)
    return SubTickVariation(
        t_ns=t_ns, outside_w2=outside_w**2, is_new=is_new, tick_s=float(np.median(np.diff(ticks.t_s)))
    )


def _outside(ticks: Ticks, read_s: NDArray[Any], power_w: NDArray[Any]) -> NDArray[Any]:
    """Return how far each reading lies outside the range of the tick intervals over the time before it."""
    mean_w = ticks.mean_w
    first, last = (
        np.clip(np.searchsorted(ticks.t_s, at_s, side="right") - 1, 0, len(mean_w) - 1)
        for at_s in (read_s - READING_AGE_S, read_s)
    )
    low_w, high_w = mean_w[first], mean_w[first]
    for step in range(1, int((last - first).max(initial=0)) + 1):
        next_w = mean_w[np.minimum(first + step, last)]
        low_w, high_w = np.minimum(low_w, next_w), np.maximum(high_w, next_w)
    outside: NDArray[Any] = np.maximum(np.maximum(low_w - power_w, power_w - high_w), 0.0)
    return outside
