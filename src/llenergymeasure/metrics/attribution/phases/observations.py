"""What a sensor says of short intervals: between two ticks of a counter, or over which a reading averages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import LATENCY_S, NORMAL_95, SampledCurve

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Energies `energy_j` of m intervals in time order, seconds after `origin_ns`; arrays of shape (m,).

    Those of readings may overlap, or leave time between them that the sensor does not see.
    """

    origin_ns: int
    start_s: Floats
    end_s: Floats
    energy_j: Floats
    error_s: Floats
    """95 % half-width of the times of its edges."""

    def __len__(self) -> int:
        return len(self.energy_j)

    @property
    def deviation_j(self) -> Floats:
        """Standard deviation of each energy by the times of its edges; equal where they are exact."""
        duration_s = self.end_s - self.start_s
        deviation_j: Floats = self.energy_j / duration_s * self.error_s / NORMAL_95
        usual_j = float(np.median(deviation_j)) if len(self) else 0.0
        return np.maximum(deviation_j, usual_j / 2) if usual_j > 0 else np.ones(len(self))

    @property
    def resolution_s(self) -> float:
        """The usual duration."""
        return float(np.median(self.end_s - self.start_s)) if len(self) else 0.0

    def between(self, start_s: float, end_s: float) -> Observations:
        """Return those that lie within an interval."""
        inside = (self.start_s >= start_s) & (self.end_s <= end_s)
        return Observations(
            origin_ns=self.origin_ns,
            start_s=self.start_s[inside],
            end_s=self.end_s[inside],
            energy_j=self.energy_j[inside],
            error_s=self.error_s[inside],
        )


def observations(curve: EnergyCurve) -> Observations | None:
    """Return what the sensor of a curve says; None of a curve without readings."""
    if isinstance(curve, CounterCurve):
        ticks = curve.ticks
        error_s = (ticks.error_s[:-1] + ticks.error_s[1:]) / 2
        return _adjoining(curve.known.origin_ns, ticks.t_s, np.diff(ticks.energy_j), error_s)
    if isinstance(curve, DeconvolvedCurve):
        return _of_means(curve)
    if isinstance(curve, SampledCurve):
        nodes_s, rises_j = curve.node_s, np.diff(curve.energy_j)
        late_s = np.full(len(rises_j), LATENCY_S)
        if len(nodes_s) != len(curve.t_s):  # an update grid: each reading averages from one node to the next
            part = slice(0, None, 2)
            return Observations(
                origin_ns=curve.known.origin_ns,
                start_s=nodes_s[::2],
                end_s=nodes_s[1::2],
                energy_j=rises_j[part],
                error_s=late_s[part],
            )
        return _adjoining(curve.known.origin_ns, nodes_s, rises_j, late_s)
    return None


def _of_means(curve: DeconvolvedCurve) -> Observations:
    """Return the readings themselves, not the power behind them: that is smoothed."""
    power = curve.power
    width_s = max(power.averaging_s, power.period_s) if curve.smears else power.period_s
    end_s = power.edges_s[power.edges_s >= power.edges_s[0] + width_s * (1 - 1e-9)]
    start_s = np.maximum(end_s - width_s, power.edges_s[0])
    until_j = np.interp([start_s, end_s], power.edges_s, power.energy_j)
    return Observations(
        origin_ns=curve.known.origin_ns,
        start_s=start_s,
        end_s=end_s,
        energy_j=until_j[1] - until_j[0],
        error_s=np.full(len(end_s), LATENCY_S),
    )


def _adjoining(origin_ns: int, edges_s: Floats, energy_j: Floats, error_s: Floats) -> Observations:
    return Observations(
        origin_ns=origin_ns, start_s=edges_s[:-1], end_s=edges_s[1:], energy_j=energy_j, error_s=error_s
    )
