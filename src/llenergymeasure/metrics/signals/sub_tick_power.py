"""Power within the tick intervals of an energy counter, from the power readings of the same sensor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.power_updates import PowerUpdates, find_power_updates, find_update_grid
from llenergymeasure.metrics.signals.sparse_steps import IntervalMeans, PiecewisePower, fit_sparse_steps
from llenergymeasure.metrics.signals.tick_interpolation import first_part

SIDE = 2
"""Tick intervals on either side that are fitted together with the one in question."""
FLAT_W = 10.0
"""Power that differs less than this from tick to tick has no shape to fit."""
APART_W, APART = 10.0, 0.03
"""A reading contradicts the ticks where it is further from them than ±5 W (NVIDIA) of its own and of its neighbours, or
than sources agree under load (`energy.counter_vs_power.AGREEMENT`)."""
LATE_S = 0.005
"""A reading may be so much earlier or later than its time: half of what readings of real cards are
(`energy.sampled_curve.LATENCY_S`), since the counter's own ticks are late, too."""
TICK_W, READING_W = 0.7, 1.5
"""Standard deviations of a tick interval's mean and of a reading: by their times, and by the sensor's noise
(checked by `make bench-coverage`)."""
SHORT = 0.5
"""Of a tick interval: readings that average over longer show no more than the ticks do."""
FITS_AT_ONCE = 128
"""Fits that are solved together: with fewer the calls cost more, with many the matrices leave the cache. 128 and 256
are the fastest in `benchmarks/harness_cost.py`."""


@dataclass(frozen=True, kw_only=True)
class SubTickPower:
    """Samples of power `power_w` at `t_s`, on the axis of `ticks`, that show means over `averaging_s`."""

    ticks: Ticks
    t_s: NDArray[Any]
    power_w: NDArray[Any]
    averaging_s: float

    def energy_within(self, number: NDArray[Any], t_s: NDArray[Any]) -> NDArray[Any]:
        """Return the energy from the start of tick interval `number[i]` to `t_s[i]` in it; arrays of shape (n,).

        NaN where the readings add nothing: the power is flat, they agree with the interpolation of the ticks alone, or
        they keep no fixed period, so that it is not known which time they stand for.
        """
        within_j = np.full(len(t_s), np.nan)
        intervals, edge = np.unique(number, return_inverse=True)
        shaped = self._is_shaped(intervals)
        intervals, fit = intervals[shaped], (np.cumsum(shaped) - 1)[edge]
        for first in range(0, len(intervals), FITS_AT_ONCE):
            here = shaped[edge] & (fit >= first) & (fit < first + FITS_AT_ONCE)
            part = intervals[first : first + FITS_AT_ONCE]
            within_j[here] = self._energy_by_fit(part, fit[here] - first, t_s[here])
        return within_j

    def _is_shaped(self, number: NDArray[Any]) -> NDArray[Any]:
        """Return whether the power around a tick interval is not flat, and a reading contradicts the ticks."""
        shaped = (number > SIDE) & (number + SIDE + 2 < len(self.ticks))
        if not shaped.any():
            return shaped
        mean_w = sliding_window_view(self.ticks.mean_w, 2 * SIDE + 3)
        around_w = mean_w[number[shaped] - SIDE - 1]
        shaped[shaped] = np.ptp(around_w, axis=1) >= FLAT_W
        if shaped.any():
            shaped[shaped] = self._is_contradicted(number[shaped])
        return shaped

    def _is_contradicted(self, number: NDArray[Any]) -> NDArray[Any]:
        """Return whether a reading within a tick interval, or across one of its ends, contradicts the ticks alone."""
        if self._readings is None:
            return np.zeros(len(number), dtype=bool)
        start_s, end_s = self._readings.start_s[0], self._readings.end_s[0]
        first, last = self._readings_around(number)
        first = np.maximum(first, np.searchsorted(end_s, self.ticks.t_s[number]))
        last = np.minimum(last, np.searchsorted(start_s, self.ticks.t_s[number + 1], side="right"))
        until = self._contradictions
        contradicted: NDArray[Any] = until[np.maximum(first, last)] > until[first]
        return contradicted

    def _readings_around(self, number: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the first and the last but one of the readings that lie in a tick interval and its neighbours."""
        assert self._readings is not None
        first = np.searchsorted(self._readings.start_s[0], self.ticks.t_s[number - SIDE])
        last = np.searchsorted(self._readings.end_s[0], self.ticks.t_s[number + SIDE + 1], side="right")
        return first, last

    def _energy_by_fit(self, number: NDArray[Any], fit: NDArray[Any], t_s: NDArray[Any]) -> NDArray[Any]:
        """Return the energy until `t_s[i]` in tick interval `number[fit[i]]` by the sparse-step fit.

        What the fit leaves of the counted energy is spread evenly: equation (17) of
        docs/explanation/signal-processing.md.
        """
        fitted, ticks = self._fit(number), self.ticks
        start_s, end_s = ticks.t_s[number[fit]], ticks.t_s[number[fit] + 1]
        counted_j = ticks.energy_j[number[fit] + 1] - ticks.energy_j[number[fit]]
        until_start_j = fitted.energy_until(fit, start_s)
        missed_j = counted_j - (fitted.energy_until(fit, end_s) - until_start_j)
        within_j = fitted.energy_until(fit, t_s) - until_start_j
        within_j += missed_j * (t_s - start_s) / (end_s - start_s)
        clipped_j: NDArray[Any] = np.clip(within_j, 0.0, counted_j)
        return clipped_j

    def _fit(self, number: NDArray[Any]) -> PiecewisePower:
        assert self._readings is not None
        around = number[:, None] + np.arange(-SIDE, SIDE + 1)
        ticks = IntervalMeans(
            start_s=self.ticks.t_s[around],
            end_s=self.ticks.t_s[around + 1],
            mean_w=self.ticks.mean_w[around],
            deviation_w=TICK_W,
        )
        first, last = self._readings_around(number)
        index = first[:, None] + np.arange(int((last - first).max()))
        known, index = index < last[:, None], np.minimum(index, self._readings.mean_w.shape[1] - 1)
        readings = IntervalMeans(
            start_s=self._readings.start_s[0, index],
            end_s=self._readings.end_s[0, index],
            mean_w=np.where(known, self._readings.mean_w[0, index], np.nan),
            deviation_w=READING_W,
        )
        return fit_sparse_steps(ticks, readings)

    @cached_property
    def updates(self) -> PowerUpdates:
        """The updates that the samples show; found when they are asked for first."""
        return find_power_updates(self.t_s, self.power_w)

    @cached_property
    def _readings(self) -> IntervalMeans | None:
        """All readings as one row, in the counter's own watts; found when the first edge asks for them."""
        grid = find_update_grid(self.t_s, self.power_w, published=self.updates)
        if grid is None:
            return None
        shown = grid.seen & (grid.power_w > 0)
        ends_s, power_w = grid.t_s[shown], grid.power_w[shown]
        if len(ends_s) == 0:
            return None
        counted_j = np.interp(ends_s, self.ticks.t_s, self.ticks.energy_j)
        counted_j -= np.interp(ends_s - self.averaging_s, self.ticks.t_s, self.ticks.energy_j)
        return IntervalMeans(
            start_s=(ends_s - self.averaging_s)[None, :],
            end_s=ends_s[None, :],
            mean_w=(float(np.median(counted_j / self.averaging_s / power_w)) * power_w)[None, :],
            deviation_w=READING_W,
        )

    @cached_property
    def _contradictions(self) -> NDArray[Any]:
        """How many of the readings up to each, from none to all, differ from the interpolation of the ticks alone."""
        assert self._readings is not None
        start_s, end_s, read_w = self._readings.start_s[0], self._readings.end_s[0], self._readings.mean_w[0]
        counted_w = [
            (self._interpolated_j(end_s + late_s) - self._interpolated_j(start_s + late_s))
            / (end_s - start_s)
            for late_s in (-LATE_S, 0.0, LATE_S)
        ]
        outside_w = np.maximum(np.min(counted_w, axis=0) - read_w, read_w - np.max(counted_w, axis=0))
        apart = outside_w > np.maximum(APART_W, APART * np.abs(read_w))
        return np.concatenate([[0], np.cumsum(apart)])

    def _interpolated_j(self, t_s: NDArray[Any]) -> NDArray[Any]:
        """Return the energy until `t_s` by the ticks alone."""
        last = len(self.ticks.mean_w) - 1
        number = self.ticks.interval(t_s)
        start_s, length_s = self.ticks.t_s[number], self.ticks.t_s[number + 1] - self.ticks.t_s[number]
        before_w, after_w = (
            self.ticks.mean_w[np.maximum(number - 1, 0)],
            self.ticks.mean_w[np.minimum(number + 1, last)],
        )
        fraction = np.clip((t_s - start_s) / length_s, 0.0, 1.0)
        energy_j: NDArray[Any] = (
            self.ticks.energy_j[number]
            + first_part(fraction, before_w, self.ticks.mean_w[number], after_w) * length_s
        )
        return energy_j


def sub_tick_power(
    ticks: Ticks, t_s: NDArray[Any], power_w: NDArray[Any], averaging_s: float | None
) -> SubTickPower | None:
    """Return the readings beside a counter; None where they are too coarse, or it is not known what they average."""
    if averaging_s is None or ticks.period_s is None or averaging_s > SHORT * ticks.period_s or len(t_s) == 0:
        return None
    return SubTickPower(ticks=ticks, t_s=t_s, power_w=power_w, averaging_s=averaging_s)
