"""Power readings beside a counter: what they say of the power within its ticks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.power_updates import find_update_grid
from llenergymeasure.metrics.signals.sparse_steps import IntervalMeans, fit_sparse_steps
from llenergymeasure.metrics.signals.tick_interpolation import first_part

SIDE = 2
"""Tick intervals on either side that are reconstructed together with the one in question."""
FLAT_W = 10.0
"""Power that differs less than this from tick to tick has nothing to shape."""
APART_W, APART = 10.0, 0.03
"""A reading contradicts the ticks where it is further from them than ±5 W (NVIDIA) of its own and of its neighbours, or
than sources are thought to agree under load."""
TICK_W, READING_W = 0.7, 1.5
"""Standard deviations of a tick's mean and of a reading: by their times, and by the sensor's noise."""
SHORT = 0.5
"""Of a tick: readings that average over longer see no more than the ticks do."""


@dataclass(frozen=True, kw_only=True)
class SubTickPower:
    """Samples of power `power_w` at `t_s`, on the axis of `ticks`, that show means over `averaging_s`."""

    ticks: Ticks
    t_s: NDArray[Any]
    power_w: NDArray[Any]
    averaging_s: float

    def energy_within(self, cell: int, t_s: float) -> float | None:
        """Return the energy from the start of tick interval `cell` to `t_s` in it.

        None where the readings have nothing to add: the power is flat, they agree with what the ticks alone tell, or
        they keep no beat that says of when they are.
        """
        first = cell - SIDE
        if first < 1 or cell + SIDE + 2 >= len(self.ticks):
            return None
        edges_s = self.ticks.t_s[first - 1 : cell + SIDE + 3]
        mean_w = np.diff(self.ticks.energy_j[first - 1 : cell + SIDE + 3]) / np.diff(edges_s)
        if np.ptp(mean_w) < FLAT_W:
            return None
        if self._readings is None:
            return None
        readings = self._readings.between(float(edges_s[1]), float(edges_s[-2]))
        if not _contradicted(edges_s, mean_w, readings):
            return None
        ticks = IntervalMeans(
            start_s=edges_s[1:-2], end_s=edges_s[2:-1], mean_w=mean_w[1:-1], deviation_w=TICK_W
        )
        course = fit_sparse_steps(ticks, readings)
        here_s, next_s = float(self.ticks.t_s[cell]), float(self.ticks.t_s[cell + 1])
        counted_j = float(self.ticks.energy_j[cell + 1] - self.ticks.energy_j[cell])
        missed_j = counted_j - course.between(here_s, next_s)
        within_j = course.between(here_s, t_s) + missed_j * (t_s - here_s) / (next_s - here_s)
        return min(max(within_j, 0.0), counted_j)

    @cached_property
    def _readings(self) -> IntervalMeans | None:
        """All readings, in the counter's own watts; found when the first edge asks for them."""
        beat = find_update_grid(self.t_s, self.power_w)
        if beat is None:
            return None
        shown = beat.seen & (beat.power_w > 0)
        ends_s, power_w = beat.t_s[shown], beat.power_w[shown]
        if len(ends_s) == 0:
            return None
        drawn_w = (self._until(ends_s) - self._until(ends_s - self.averaging_s)) / self.averaging_s
        return IntervalMeans(
            start_s=ends_s - self.averaging_s,
            end_s=ends_s,
            mean_w=float(np.median(drawn_w / power_w)) * power_w,
            deviation_w=READING_W,
        )

    def _until(self, t_s: NDArray[Any]) -> NDArray[Any]:
        energy_j: NDArray[Any] = np.interp(t_s, self.ticks.t_s, self.ticks.energy_j)
        return energy_j


def sub_tick_power(
    ticks: Ticks, t_s: NDArray[Any], power_w: NDArray[Any], averaging_s: float | None
) -> SubTickPower | None:
    """Return the readings beside a counter; None where they are too coarse, or it is not known what they average."""
    if averaging_s is None or ticks.period_s is None or averaging_s > SHORT * ticks.period_s or len(t_s) == 0:
        return None
    return SubTickPower(ticks=ticks, t_s=t_s, power_w=power_w, averaging_s=averaging_s)


def _contradicted(edges_s: NDArray[Any], mean_w: NDArray[Any], readings: IntervalMeans) -> bool:
    """Say whether a reading in the middle interval, or across one of its ends, is not what the ticks alone tell."""
    middle = len(mean_w) // 2
    for start_s, end_s, read_w in zip(readings.start_s, readings.end_s, readings.mean_w, strict=True):
        if end_s < edges_s[middle] or start_s > edges_s[middle + 1]:
            continue
        told_j = sum(
            _energy_of_part(edges_s, mean_w, cell, start_s, end_s) for cell in range(1, len(mean_w) - 1)
        )
        if abs(told_j / (end_s - start_s) - read_w) > max(APART_W, APART * abs(read_w)):
            return True
    return False


def _energy_of_part(
    edges_s: NDArray[Any], mean_w: NDArray[Any], cell: int, start_s: float, end_s: float
) -> float:
    """Return the energy that `[start_s, end_s)` has in common with one interval, by the ticks alone."""
    length_s = float(edges_s[cell + 1] - edges_s[cell])
    start, end = np.clip((np.array([start_s, end_s]) - edges_s[cell]) / length_s, 0.0, 1.0)
    before_w, here_w, after_w = mean_w[cell - 1 : cell + 2]
    parts = (first_part(float(until), before_w, here_w, after_w) for until in (start, end))
    from_start, to_end = parts
    return (to_end - from_start) * length_s
