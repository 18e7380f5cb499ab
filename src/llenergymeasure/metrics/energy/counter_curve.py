"""Energy of any interval from a cumulative counter, interpolated between its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergy, UnknownEnergyError, check_faults, check_reach
from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.sub_tick_power import SubTickPower
from llenergymeasure.metrics.signals.tick_interpolation import Share, edge_energy

LONGEST_CELL_S = 1.0
"""An edge between two ticks that are further apart cannot be placed."""


@dataclass(frozen=True, kw_only=True)
class CounterCurve:
    """A counter's ticks on an axis that begins at `origin_ns`.

    `reach_s` is how far an edge may lie before the first tick or after the last one; `began` and `ended` say why there
    is nothing beyond.
    """

    channel: Channel
    method: Method
    origin_ns: int
    ticks: Ticks
    beside: SubTickPower | None
    """The power read beside it, where that shows more than the ticks do."""
    faults: tuple[Fault, ...]
    reach_s: float
    began: str
    ended: str
    edges: dict[float, Share] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Those that were placed before: every figure asks for the edges of the same windows."""

    def between(self, start_ns: int, end_ns: int) -> IntervalEnergy:
        start_s, end_s = (start_ns - self.origin_ns) / 1e9, (end_ns - self.origin_ns) / 1e9
        try:
            check_faults(self.faults, start_s, end_s)
            start, end = self._until(start_s), self._until(end_s)
        except UnknownEnergyError as unknown:
            return IntervalEnergy(energy_j=None, method=self.method, reason=str(unknown))
        energy_j = end.energy_j - start.energy_j
        return IntervalEnergy(
            energy_j=energy_j,
            method=self.method,
            edge_error_j=math.hypot(start.error_j, end.error_j),
            sensor_error_j=self.channel.relative_error * abs(energy_j),
        )

    def _until(self, t_s: float) -> Share:
        """Return the energy from the first tick to `t_s`, negative before it."""
        ticks = self.ticks
        check_reach(self, t_s, float(ticks.t_s[0]), float(ticks.t_s[-1]))
        if t_s not in self.edges:
            cell = int(np.clip(np.searchsorted(ticks.t_s, t_s, side="right") - 1, 0, len(ticks) - 2))
            self.edges[t_s] = self._within(cell, t_s)
        return self.edges[t_s]

    def _within(self, cell: int, t_s: float) -> Share:
        """Place an edge within a tick interval, or beyond the outermost ones at the power they had."""
        ticks = self.ticks
        start_s, duration_s = float(ticks.t_s[cell]), float(ticks.t_s[cell + 1] - ticks.t_s[cell])
        here_w = self._power_w(cell)
        fraction = (t_s - start_s) / duration_s
        if 0 <= fraction <= 1:
            if duration_s > max(LONGEST_CELL_S, 3 * (ticks.period_s or 0.0)):
                raise UnknownEnergyError(f"the counter was not read for {duration_s:.1f} s around an edge")
            around_w = [self._power_w(number) for number in range(cell - 2, cell + 3)]
            share = edge_energy(fraction, duration_s, around_w)
            shaped_j = self.beside.energy_within(cell, t_s) if self.beside else None
            if shaped_j is not None:
                share = replace(share, energy_j=shaped_j)
        else:
            beyond_s = abs(t_s - start_s - (duration_s if fraction > 1 else 0.0))
            share = Share(energy_j=here_w * (t_s - start_s), error_j=beyond_s * here_w)
        late_j = here_w * float(max(ticks.error_s[cell], ticks.error_s[cell + 1]))
        return Share(
            energy_j=float(ticks.energy_j[cell]) + share.energy_j, error_j=math.hypot(share.error_j, late_j)
        )

    def _power_w(self, cell: int) -> float:
        """Return the mean power of a tick interval; of the nearest one where it lies outside."""
        ticks = self.ticks
        cell = min(max(cell, 0), len(ticks) - 2)
        return float(
            (ticks.energy_j[cell + 1] - ticks.energy_j[cell]) / (ticks.t_s[cell + 1] - ticks.t_s[cell])
        )
