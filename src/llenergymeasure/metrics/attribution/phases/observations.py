"""What a sensor says of short intervals: between two ticks of a counter, or over which a reading averages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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

    Those of readings may leave time between them that the sensor does not see. They are empty where each reading
    averages over many of their periods, and `reason` says so.
    """

    origin_ns: int
    start_s: Floats
    end_s: Floats
    energy_j: Floats
    error_s: Floats
    """95 % half-width of the times of its edges."""
    averaging_s: float = 0.0
    reason: str | None = None

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
        """The usual time from one to the next, or the time that a reading averages over where that is longer."""
        if len(self) < 2:
            return self.averaging_s
        return float(np.median(np.diff(self.end_s)))

    def select(self, rows: NDArray[Any]) -> Observations:
        """Return some of them, by a mask of shape (m,) or by their indices."""
        return replace(
            self,
            start_s=self.start_s[rows],
            end_s=self.end_s[rows],
            energy_j=self.energy_j[rows],
            error_s=self.error_s[rows],
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
    """Return the update intervals; none where the power in them was deconvolved, for that is smoothed.

    Nor can the readings stand for it: what they say of a prefill of 20 ms depends on their averaging time to the
    hundredth (an error of 10 % in it moves the energy by 20 %), and no card states it so exactly.
    """
    power, origin_ns = curve.power, curve.known.origin_ns
    if not curve.smears:
        late_s = np.full(len(power.power_w), LATENCY_S)
        return _adjoining(origin_ns, power.edges_s, np.diff(power.energy_j), late_s)
    nothing = np.empty(0)
    return Observations(
        origin_ns=origin_ns,
        start_s=nothing,
        end_s=nothing,
        energy_j=nothing,
        error_s=nothing,
        averaging_s=power.averaging_s,
        reason=f"each power reading averages over {power.averaging_s:.2g} s, many times its period",
    )


def _adjoining(origin_ns: int, edges_s: Floats, energy_j: Floats, error_s: Floats) -> Observations:
    return Observations(
        origin_ns=origin_ns, start_s=edges_s[:-1], end_s=edges_s[1:], energy_j=energy_j, error_s=error_s
    )
