"""Energy of intervals from power readings that average over a long time, by the deconvolved power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergies, KnownRange, is_known, known_energies
from llenergymeasure.metrics.energy.sampled_curve import LATENCY_S
from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.deconvolution import LONG_AVERAGE, DeconvolvedPower
from llenergymeasure.metrics.signals.quiet_edges import add_quiet_edges
from llenergymeasure.metrics.signals.tick_interpolation import EdgeEnergy, edge_energy

NORMAL_95 = 1.96
"""Two-sided 95 % quantile of the normal distribution."""
WIDENED = 2.0
"""Factor on the deconvolution's own half-widths: power is no random walk, it jumps; its smoothness is itself an
estimate; and so are the neighbouring intervals that show what lies in one of them. So widened, the interval covers 95 %
in simulation (`make bench-coverage`)."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedCurve:
    """The power behind the readings, on the axis of `known`; `ticks` is the energy until the ends of its intervals."""

    channel: Channel
    known: KnownRange
    power: DeconvolvedPower
    ticks: Ticks
    method: Method = "sampled"

    @property
    def edges_ns(self) -> NDArray[np.int64]:
        return self.known.unix_ns(self.ticks.t_s)

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        """Return the energies of the deconvolved power, each edge placed within its update interval."""
        start_s, end_s = self.known.seconds(start_ns), self.known.seconds(end_ns)
        reasons = self.known.reasons(start_s, end_s)
        known = is_known(reasons)
        start_s, end_s = start_s[known], end_s[known]
        start, end = self._until(start_s), self._until(end_s)
        late_j = LATENCY_S * np.abs(self._power_w(start_s) - self._power_w(end_s))
        averaging_j = WIDENED * NORMAL_95 * self.power.deviation_j(start_s, end_s)
        is_open = [~self.ticks.at_quiet_edge(edge_s) | self.smears for edge_s in (start_s, end_s)]
        edge_j = np.hypot(WIDENED * np.hypot(start.error_j, end.error_j), late_j)
        return known_energies(
            self,
            reasons,
            energy_j=end.energy_j - start.energy_j,
            edge_error_j=np.hypot(edge_j, averaging_j) if self.smears else edge_j,
            alias_error_j=np.zeros(len(start_s)) if self.smears else averaging_j,
            open_edges=np.sum(is_open, axis=0).astype(float),
        )

    @property
    def smears(self) -> bool:
        """Whether each reading averages over many intervals, so that an edge is smeared, in all windows alike."""
        return self.power.averaging_s > LONG_AVERAGE * self.power.period_s

    def _power_w(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean power of the interval of each moment."""
        number = self.ticks.interval(t_s)
        power_w: NDArray[np.float64] = self.ticks.mean_w[number]
        return power_w

    def _until(self, t_s: NDArray[np.float64]) -> EdgeEnergy:
        """Return the energy from the first edge to each moment; beyond the last reading at the power before it."""
        ticks, number = self.ticks, self.ticks.interval(t_s)
        start_s, length_s = ticks.t_s[number], ticks.t_s[number + 1] - ticks.t_s[number]
        around_w = ticks.mean_w[np.clip(number + np.arange(-2, 3)[:, None], 0, len(ticks) - 2)]
        beyond_j = np.maximum(0.0, t_s - ticks.t_s[number + 1]) * around_w[2]
        within = edge_energy(np.minimum((t_s - start_s) / length_s, 1.0), length_s, around_w)
        error_j = within.error_j + beyond_j
        if ticks.quiet_edge_j is not None:
            error_j = np.where(ticks.at_quiet_edge(t_s), ticks.quiet_edge_j[number], error_j)
        return EdgeEnergy(energy_j=ticks.energy_j[number] + within.energy_j + beyond_j, error_j=error_j)


def deconvolved_curve(
    channel: Channel, known: KnownRange, power: DeconvolvedPower, quiet_s: NDArray[np.float64]
) -> DeconvolvedCurve:
    """Return the curve of a power; `quiet_s`, of shape (n, 2), is when nothing was served."""
    ticks = Ticks(
        t_s=power.edges_s,
        energy_j=power.energy_j,
        error_s=np.zeros(len(power.edges_s)),
        period_s=power.period_s,
    )
    return DeconvolvedCurve(channel=channel, known=known, power=power, ticks=add_quiet_edges(ticks, quiet_s))
