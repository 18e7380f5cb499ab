"""Tick times of a cumulative counter: the instants at which it moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.update_period import SamplePairs, UpdatePeriod, find_update_period

RESOLVED = 0.5
"""Of a sampling gap: a sensor with a shorter period has moved in every sample, and its period cannot be found."""

HOLE, HOLE_S = 2.5, 0.25
"""A hole between two ticks is longer than both: two and a half usual times between ticks or samples, and as many of the
slowest counter known. Across shorter ones two certain ticks show more than one that is not (`make bench-coverage`)."""


@dataclass(frozen=True, kw_only=True)
class Ticks:
    """Ticks in time order: the counter showed `energy_j` from `t_s` on. Arrays of shape (n,).

    `error_s` is the 95 % half-width of each `t_s`; `period_s` the time between ticks, None where they keep no fixed
    period or come faster than they are sampled.
    """

    t_s: NDArray[Any]
    energy_j: NDArray[Any]
    error_s: NDArray[Any]
    period_s: float | None
    quiet_edge_j: NDArray[Any] | None = None
    """Of each that is no tick but an edge of a quiet interval (`quiet_edges`), the half-width of its energy; NaN of a
    tick. None where there are ticks alone."""

    def __len__(self) -> int:
        return len(self.t_s)

    @cached_property
    def mean_w(self) -> NDArray[Any]:
        """Mean power of each tick interval, shape (n - 1,)."""
        mean_w: NDArray[Any] = np.diff(self.energy_j) / np.diff(self.t_s)
        return mean_w

    def interval(self, t_s: NDArray[Any]) -> NDArray[np.intp]:
        """Return the number of the tick interval of each moment; of the nearest one beyond the outermost ticks."""
        return np.clip(np.searchsorted(self.t_s, t_s, side="right") - 1, 0, len(self) - 2)

    def at_quiet_edge(self, t_s: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which moments are edges of quiet intervals, until which the energy is known."""
        if self.quiet_edge_j is None:
            return np.zeros(len(t_s), dtype=bool)
        number = self.interval(t_s)
        at_edge: NDArray[np.bool_] = (t_s == self.t_s[number]) & np.isfinite(self.quiet_edge_j[number])
        return at_edge


def locate_ticks(
    t_s: NDArray[Any], energy_j: NDArray[Any], update_period_s: float | None, *, only_certain: bool = False
) -> Ticks:
    """Return the ticks of a counter that read `energy_j` at `t_s`, both of shape (n,).

    A tick lies between the sample that first shows the new value and the one before. Counters publish at a fixed
    period, so all ticks together show where in between, far finer than one pair of samples does. `update_period_s` is
    the sensor's own period where its maker states it. A tick of which it is not certain which update it was is left
    out; where that leaves a hole, it is placed by its pair of samples alone, unless `only_certain`. Equations (8) and
    (9) of docs/explanation/signal-processing.md.
    """
    if update_period_s == 0:
        return Ticks(t_s=t_s, energy_j=energy_j, error_s=np.zeros(len(t_s)), period_s=None)
    moved = np.diff(energy_j) > 0
    at = np.flatnonzero(moved)
    lo_s, hi_s, after_j = t_s[at], t_s[at + 1], energy_j[at + 1]
    gap_s = hi_s - lo_s
    grid = None
    if update_period_s is None or update_period_s > RESOLVED * np.median(np.diff(t_s)):
        grid = find_update_period(SamplePairs(lo_s=t_s[:-1], hi_s=t_s[1:], moved=moved))
    if grid is not None:
        located_s, error_s, certain = _on_the_grid(grid, lo_s, hi_s)
        usual_s = max(grid.period_s, float(np.median(np.diff(t_s))))
        kept = certain if only_certain else certain | _in_a_hole(certain, hi_s, usual_s)
        return Ticks(
            t_s=np.where(certain, located_s, (lo_s + hi_s) / 2)[kept],
            energy_j=after_j[kept],
            error_s=np.where(certain, error_s, gap_s / 2)[kept],
            period_s=grid.period_s,
        )
    age_s = np.minimum(gap_s, _longest_age_s(t_s, moved, update_period_s)) / 2
    return Ticks(t_s=hi_s - age_s, energy_j=after_j, error_s=age_s, period_s=None)


def _on_the_grid(
    grid: UpdatePeriod, lo_s: NDArray[Any], hi_s: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return each tick's time, its half-width, and whether it is certain which update it was.

    It is the last update before the sample that showed it, or as near to it as its pair of samples allows. Where that
    sample was taken within the error of an update, and the one before or after fits as well, it is not certain.
    """
    block = np.maximum(np.searchsorted(grid.since_s, lo_s, side="right") - 1, 0)
    phase_s, error_s, period_s = grid.phase_s[block], grid.error_s[block], grid.period_s
    update_s = phase_s + np.floor((hi_s - phase_s) / period_s) * period_s
    early = (hi_s - update_s < error_s) & (update_s - period_s > lo_s - error_s)
    late = (update_s + period_s - hi_s < error_s) & (update_s > lo_s - error_s)
    nearest_s = np.where(lo_s - update_s < update_s + period_s - hi_s, update_s, update_s + period_s)
    margin_s = 0.05 * (hi_s - lo_s)
    t_s = np.clip(np.where(update_s > lo_s, update_s, nearest_s), lo_s + margin_s, hi_s - margin_s)
    return t_s, np.minimum((hi_s - lo_s) / 2, error_s), ~(early | late)


def _in_a_hole(certain: NDArray[Any], hi_s: NDArray[Any], usual_s: float) -> NDArray[Any]:
    """Return which ticks lie in a hole: there one that is known only to its pair of samples is better than none."""
    until_s = np.minimum.accumulate(np.where(certain, hi_s, np.inf)[::-1])[::-1]
    since_s = np.maximum.accumulate(np.where(certain, hi_s, -np.inf))
    in_a_hole: NDArray[Any] = until_s - since_s > max(HOLE_S, HOLE * usual_s)
    return in_a_hole


def _longest_age_s(t_s: NDArray[Any], moved: NDArray[Any], update_period_s: float | None) -> float:
    """Return how old a value may be when it is read, where no fixed period was found.

    A counter that moved between all of n samples at random instants has, with 95 % confidence, a period under
    `gap * sqrt(18 / n)`: at a longer one, three short gaps or more would be expected to have missed it.
    """
    if update_period_s is not None:
        return update_period_s
    gap_s = float(np.median(np.diff(t_s))) if len(t_s) > 1 else 0.0
    return gap_s * min(2.0, float(np.sqrt(18 / len(moved)))) if len(moved) and moved.all() else np.inf
