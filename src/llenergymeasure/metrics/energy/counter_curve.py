"""Energy of intervals from a cumulative counter, interpolated between its ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergies, KnownRange, is_known, known_energies
from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.sub_tick_power import SubTickPower
from llenergymeasure.metrics.signals.tick_interpolation import EdgeEnergy, edge_energy

LONGEST_INTERVAL_S = 1.0
"""An edge between two ticks that are further apart cannot be placed: ten periods of the slowest counter known, 100 ms
(NVML on A100 and GH200)."""

ROUNDING_S = 2e-9
"""A moment nearer to a tick is that tick, rounded to nanoseconds: the counter itself shows its energy."""


@dataclass(frozen=True, kw_only=True)
class CounterCurve:
    """A counter's ticks, on the axis of `known`."""

    channel: Channel
    method: Method
    known: KnownRange
    ticks: Ticks
    sub_tick_power: SubTickPower | None
    """The power readings of the same sensor, where they show more than the ticks do."""

    @property
    def edges_ns(self) -> NDArray[np.int64]:
        return self.known.unix_ns(self.ticks.t_s)

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        """Return the counted energies: each edge is placed within its tick interval, once however many share it."""
        start_s, end_s = self.known.seconds(start_ns), self.known.seconds(end_ns)
        reasons = self.known.reasons(start_s, end_s)
        for edge_s in (start_s, end_s):
            self._note_long_intervals(reasons, edge_s)
        known = is_known(reasons)
        edges_s, where = np.unique(np.concatenate([start_s[known], end_s[known]]), return_inverse=True)
        until = self._until(edges_s)
        start, end = np.split(where.ravel(), 2)
        is_open = ~self.ticks.at_quiet_edge(edges_s)
        return known_energies(
            self,
            reasons,
            energy_j=until.energy_j[end] - until.energy_j[start],
            edge_error_j=np.hypot(until.error_j[start], until.error_j[end]),
            alias_error_j=np.zeros(len(start)),
            open_edges=is_open[start].astype(float) + is_open[end],
        )

    def _note_long_intervals(self, reasons: NDArray[np.object_], edge_s: NDArray[np.float64]) -> None:
        ticks = self.ticks
        number = self.ticks.interval(edge_s)
        length_s = ticks.t_s[number + 1] - ticks.t_s[number]
        between = (edge_s >= ticks.t_s[0]) & (edge_s <= ticks.t_s[-1])
        long = between & (length_s > max(LONGEST_INTERVAL_S, 3 * (ticks.period_s or 0.0)))
        for at in np.flatnonzero(long & is_known(reasons)):
            reasons[at] = f"the counter showed nothing new for {length_s[at]:.1f} s around an edge"

    def _until(self, t_s: NDArray[np.float64]) -> EdgeEnergy:
        """Return the energy from the first tick to each moment, negative before it.

        Equations (10) and (13) of docs/explanation/signal-processing.md.
        """
        ticks, number = self.ticks, self.ticks.interval(t_s)
        start_s, length_s = ticks.t_s[number], ticks.t_s[number + 1] - ticks.t_s[number]
        fraction = (t_s - start_s) / length_s
        power_w = ticks.mean_w
        around_w = power_w[np.clip(number + np.arange(-2, 3)[:, None], 0, len(power_w) - 1)]
        beyond = (fraction < 0) | (fraction > 1)
        within = edge_energy(np.clip(fraction, 0.0, 1.0), length_s, around_w, float(power_w.max()))
        off_tick_s = np.minimum(np.abs(t_s - start_s), np.abs(start_s + length_s - t_s))
        inside = ~beyond & (off_tick_s > ROUNDING_S)
        energy_j = np.where(beyond, around_w[2] * (t_s - start_s), self._shaped(within, number, t_s, inside))
        beyond_s = np.abs(t_s - start_s - np.where(fraction > 1, length_s, 0.0))
        error_j = np.where(beyond, around_w[2] * beyond_s, within.error_j)
        late_j = around_w[2] * np.maximum(ticks.error_s[number], ticks.error_s[number + 1])
        error_j = np.hypot(error_j, late_j)
        if ticks.quiet_edge_j is not None:
            error_j = np.where(ticks.at_quiet_edge(t_s), ticks.quiet_edge_j[number], error_j)
        return EdgeEnergy(energy_j=ticks.energy_j[number] + energy_j, error_j=error_j)

    def _shaped(
        self,
        within: EdgeEnergy,
        number: NDArray[np.intp],
        t_s: NDArray[np.float64],
        inside: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Return the energy within the tick intervals, by the power readings where they show more than the ticks."""
        if self.sub_tick_power is None:
            return within.energy_j
        shaped_j = np.full(len(t_s), np.nan)
        shaped_j[inside] = self.sub_tick_power.energy_within(number[inside], t_s[inside])
        return np.where(np.isnan(shaped_j), within.energy_j, shaped_j)
