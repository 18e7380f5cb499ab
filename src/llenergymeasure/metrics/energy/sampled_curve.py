"""Energy of any interval from power readings, for devices without a counter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergy, UnknownEnergyError, check_faults, check_reach
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.part_time_power import part_time_energy
from llenergymeasure.metrics.signals.power_updates import UpdateGrid

LONGEST_GAP_S = 0.5
LONGEST_PERIOD_S = 0.1
"""Of the cards in Yang, Adamek, Armour (arXiv 2312.02741), table 1: 20 to 100 ms."""
NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class SampledCurve:
    """Published power readings `power_w` at `t_s` after `origin_ns`, and the energy `energy_j` drawn until `node_s`."""

    channel: Channel
    origin_ns: int
    t_s: NDArray[Any]
    power_w: NDArray[Any]
    node_s: NDArray[Any]
    energy_j: NDArray[Any]
    faults: tuple[Fault, ...]
    reach_s: float
    began: str
    ended: str
    method: Method = "sampled"

    def between(self, start_ns: int, end_ns: int) -> IntervalEnergy:
        start_s, end_s = (start_ns - self.origin_ns) / 1e9, (end_ns - self.origin_ns) / 1e9
        try:
            check_faults(self.faults, start_s, end_s)
            energy_j = self._until(end_s) - self._until(start_s)
        except UnknownEnergyError as unknown:
            return IntervalEnergy(energy_j=None, method=self.method, reason=str(unknown))
        return IntervalEnergy(
            energy_j=energy_j,
            method=self.method,
            edge_error_j=self._sampling_error_j(start_s, end_s),
            sensor_error_j=self.channel.relative_error * abs(energy_j),
        )

    def _until(self, t_s: float) -> float:
        check_reach(self, t_s, float(self.t_s[0]), float(self.t_s[-1]))
        beyond_s = max(0.0, t_s - float(self.node_s[-1])) + min(0.0, t_s - float(self.node_s[0]))
        edge_w = float(self.power_w[-1 if beyond_s > 0 else 0])
        return float(np.interp(t_s, self.node_s, self.energy_j)) + edge_w * beyond_s

    def _sampling_error_j(self, start_s: float, end_s: float) -> float:
        """Return the half-width of what lies between readings.

        Each gap of length d leaves open about `s * d`, with s the spread of the power from reading to reading (from
        successive differences, so that a slow drift does not count: von Neumann 1941). Over n gaps that adds up to
        `s * d * sqrt(n)`; each edge, by the delay of the readings, adds one gap more.
        """
        first, last = np.searchsorted(self.t_s, [start_s, end_s])
        near = slice(max(0, int(first) - 2), int(last) + 2)
        steps_w, gaps_s = np.diff(self.power_w[near]), np.diff(self.t_s[near])
        if len(steps_w) == 0:
            return 0.0
        spread_w = math.sqrt(float(np.mean(steps_w**2)) / 2)
        gap_s = float(np.median(gaps_s))
        return NORMAL_95 * spread_w * math.sqrt(gap_s * (end_s - start_s) + 2 * gap_s**2)


def sampled_curve(
    channel: Channel,
    origin_ns: int,
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    *,
    beat: UpdateGrid | None,
    began: str,
    ended: str,
) -> SampledCurve:
    """Integrate the readings `power_w` at `t_s`, both of shape (n,), n >= 1.

    Where they keep a `beat`, and how much of each period they see is known, as `part_time_energy` does; else by the
    trapezoid rule, as if a reading stood for the moment at which it appeared.
    """
    gap_s = float(np.median(np.diff(t_s))) if len(t_s) > 1 else 0.0
    published_s, published_w = _published(t_s, power_w)
    if beat is not None and channel.averaging_window_s is not None:
        node_s, energy_j = part_time_energy(beat, channel.averaging_window_s)
    else:
        steps_j = np.diff(published_s) * (published_w[1:] + published_w[:-1]) / 2
        node_s, energy_j = published_s, np.concatenate([[0.0], np.cumsum(steps_j)])
    return SampledCurve(
        channel=channel,
        origin_ns=origin_ns,
        t_s=published_s,
        power_w=published_w,
        node_s=node_s,
        energy_j=energy_j,
        faults=power_gaps(t_s),
        reach_s=3 * gap_s + (float(t_s[-1]) - float(node_s[-1])),
        began=began,
        ended=ended,
    )


def power_gaps(t_s: NDArray[Any]) -> tuple[Fault, ...]:
    """Return where power was not read for so long that nothing is known of it; `t_s` are all readings' times."""
    gaps_s = np.diff(t_s)
    longest_s = max(LONGEST_GAP_S, 5 * float(np.median(gaps_s))) if len(gaps_s) else LONGEST_GAP_S
    return tuple(
        Fault(
            start_s=float(t_s[at]),
            end_s=float(t_s[at + 1]),
            code="sample_gap",
            reason=f"power was not read for {float(gaps_s[at]):.1f} s",
        )
        for at in np.flatnonzero(gaps_s > longest_s)
    )


def _published(t_s: NDArray[Any], power_w: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return one reading per publication: the samples between two publications repeat the older one.

    The shortest usual time between two different values is the sensor's period, and no card's is over 100 ms; a value
    that stays for longer was published again and again. A publication lies midway between the samples around it.
    """
    changed = np.flatnonzero(np.diff(power_w) != 0) + 1
    starts_s = np.append(t_s[0], (t_s[changed - 1] + t_s[changed]) / 2)
    values_w = np.append(power_w[0], power_w[changed])
    lasted_s = np.diff(np.append(starts_s, t_s[-1]))
    usual_s = float(np.median(np.diff(t_s)))
    period_s = max(usual_s, min(LONGEST_PERIOD_S, float(np.quantile(lasted_s, 0.1))))
    times = np.maximum(1, np.round(lasted_s / period_s)).astype(int)
    turn = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    published_s = np.repeat(starts_s, times) + turn * np.repeat(lasted_s / times, times)
    return np.append(published_s, t_s[-1]), np.append(np.repeat(values_w, times), power_w[-1])
