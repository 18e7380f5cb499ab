"""Energy of intervals from power readings that average over a long time, by the deconvolved power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergies, KnownRange, is_known, known_energies
from llenergymeasure.metrics.energy.sampled_curve import LATENCY_S
from llenergymeasure.metrics.signals.deconvolution import DeconvolvedPower
from llenergymeasure.metrics.signals.tick_interpolation import EdgeEnergy, edge_energy

NORMAL_95 = 1.96
"""Two-sided 95 % quantile of the normal distribution."""
WIDENED = 2.0
"""Factor on the deconvolution's own half-widths: power is no random walk, it jumps; its smoothness is itself an
estimate; and so are the neighbouring intervals that show what lies in one of them. So widened, the interval covers 95 %
in simulation (`make bench-coverage`)."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedCurve:
    """The power behind the readings, on the axis of `known`."""

    channel: Channel
    known: KnownRange
    power: DeconvolvedPower
    method: Method = "sampled"

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        """Return the energies of the deconvolved power, each edge placed within its update interval."""
        start_s, end_s = self.known.seconds(start_ns), self.known.seconds(end_ns)
        reasons = self.known.reasons(start_s, end_s)
        known = is_known(reasons)
        start_s, end_s = start_s[known], end_s[known]
        start, end = self._until(start_s), self._until(end_s)
        late_j = LATENCY_S * np.abs(self._power_w(start_s) - self._power_w(end_s))
        averaging_j = WIDENED * NORMAL_95 * self.power.deviation_j(start_s, end_s)
        return known_energies(
            self,
            reasons,
            energy_j=end.energy_j - start.energy_j,
            edge_error_j=np.hypot(WIDENED * np.hypot(start.error_j, end.error_j), late_j),
            alias_error_j=averaging_j,
        )

    def _power_w(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean power of the update interval of each moment."""
        number = np.clip(
            np.searchsorted(self.power.edges_s, t_s, side="right") - 1, 0, len(self.power.power_w) - 1
        )
        power_w: NDArray[np.float64] = self.power.power_w[number]
        return power_w

    def _until(self, t_s: NDArray[np.float64]) -> EdgeEnergy:
        """Return the energy from the first edge to each moment; beyond the last reading at the power before it."""
        edges_s, power_w = self.power.edges_s, self.power.power_w
        number = np.clip(np.searchsorted(edges_s, t_s, side="right") - 1, 0, len(power_w) - 1)
        start_s, length_s = edges_s[number], edges_s[number + 1] - edges_s[number]
        around_w = power_w[np.clip(number + np.arange(-2, 3)[:, None], 0, len(power_w) - 1)]
        beyond_j = np.maximum(0.0, t_s - edges_s[number + 1]) * around_w[2]
        within = edge_energy(np.minimum((t_s - start_s) / length_s, 1.0), length_s, around_w)
        return EdgeEnergy(
            energy_j=self.power.energy_j[number] + within.energy_j + beyond_j,
            error_j=within.error_j + beyond_j,
        )
