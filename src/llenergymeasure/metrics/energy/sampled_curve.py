"""Energy of intervals from power readings, for devices without a counter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergies, KnownRange, is_known, known_energies
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.part_time_power import part_time_energy
from llenergymeasure.metrics.signals.power_updates import LONGEST_PERIOD_S, UpdateGrid
from llenergymeasure.metrics.statistics.segments import segments

LONGEST_GAP_S = 0.5
"""Power between readings further apart is unknown: five periods of the slowest sensor known."""
AROUND_S, AROUND = 5.0, 10
"""Readings of so many seconds on either side of an interval tell how its power scatters, with the weight of so many."""
RANGE = 1 / 6
"""Of the range of ten readings, which is three standard deviations of normal ones: half of one. Less of more."""
PAUSED = 1.5
"""Update periods without a sample, from which readings were missed."""
LATENCY_S = 0.01
"""Readings of RTX 3090 and RTX 4090 appear 4 ms before to 16 ms after the time that they fit beside an external meter
(data of arXiv 2312.02741): unknown to 10 ms."""
NORMAL_95 = 1.96
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class SampledCurve:
    """Published power readings `power_w` at `t_s` on the axis of `known`, and the energy `energy_j` until `node_s`."""

    channel: Channel
    known: KnownRange
    t_s: NDArray[Any]
    power_w: NDArray[Any]
    node_s: NDArray[Any]
    energy_j: NDArray[Any]
    pauses_s: NDArray[Any]
    """Begin and length of what sampling left out between two readings, shape (2, n)."""
    method: Method = "sampled"

    @property
    def edges_ns(self) -> NDArray[np.int64]:
        return self.known.unix_ns(self.node_s)

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        """Return the integrated energies."""
        start_s, end_s = self.known.seconds(start_ns), self.known.seconds(end_ns)
        reasons = self.known.reasons(start_s, end_s)
        known = is_known(reasons)
        start_s, end_s = start_s[known], end_s[known]
        gap_s, spread_w = self.scatter(start_s, end_s)
        # Readings every g over T give s sqrt(g T) between them, and s g at each edge.
        between_s2 = gap_s * np.maximum(end_s - start_s, 0.0) + self._paused_s2(start_s, end_s)
        between_j = NORMAL_95 * spread_w * np.sqrt(between_s2)
        return known_energies(
            self,
            reasons,
            energy_j=self._until(end_s) - self._until(start_s),
            edge_error_j=NORMAL_95 * spread_w * np.sqrt(2) * gap_s,
            alias_error_j=between_j,
            open_edges=np.full(len(start_s), 2.0),
        )

    def scatter(
        self, start_s: NDArray[np.float64], end_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the time between the readings of each interval, and the power between them that is unknown.

        Each gap of length d has an uncertainty of about `s * d`, with s the spread of the power from reading to reading
        (from successive differences, so that a slow drift does not count: von Neumann 1941). Over n gaps that adds up
        to `s * d * sqrt(n)`; each edge, by the delay of the readings, adds one gap more. Both 0 without readings. A
        short interval has few readings: those around it count as `AROUND` more, and s is no less than a share of their
        range.
        """
        first, last = self._readings(start_s, end_s)
        gap_s, spread_w = np.zeros(len(start_s)), np.zeros(len(start_s))
        gaps_s, steps_w2 = np.diff(self.t_s), np.diff(self.power_w) ** 2
        until_w2 = np.concatenate([[0.0], np.cumsum(steps_w2)])
        around_first, around_last = self._readings(start_s - AROUND_S, end_s + AROUND_S)
        around_w2 = (until_w2[around_last] - until_w2[around_first]) / np.maximum(
            around_last - around_first, 1
        )
        for rows, index in segments(first, last):
            gap_s[rows] = np.median(gaps_s[index], axis=1)
            sums_w2 = steps_w2[index].sum(axis=1) + AROUND * around_w2[rows]
            range_w = np.ptp(self.power_w[index], axis=1)
            count = index.shape[1]
            least_w = RANGE * range_w * math.sqrt(min(1.0, AROUND / count))
            spread_w[rows] = np.maximum(np.sqrt(sums_w2 / (count + AROUND) / 2), least_w)
        return gap_s, spread_w

    def _readings(
        self, start_s: NDArray[np.float64], end_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        first, last = np.searchsorted(self.t_s, start_s), np.searchsorted(self.t_s, end_s)
        return np.maximum(0, first - 2), np.minimum(last + 1, len(self.t_s) - 1)

    def _paused_s2(self, start_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squares of the pauses of sampling in each interval, summed."""
        until_s2 = np.concatenate([[0.0], np.cumsum(self.pauses_s[1] ** 2)])
        first, last = (np.searchsorted(self.pauses_s[0], at_s) for at_s in (start_s, end_s))
        paused_s2: NDArray[np.float64] = until_s2[np.maximum(last, first)] - until_s2[first]
        return paused_s2

    def _until(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the energy from the first node to each moment; beyond the outermost ones at the power there."""
        after_s, before_s = np.maximum(0.0, t_s - self.node_s[-1]), np.minimum(0.0, t_s - self.node_s[0])
        until_j: NDArray[np.float64] = np.interp(t_s, self.node_s, self.energy_j)
        until_j += self.power_w[-1] * after_s + self.power_w[0] * before_s
        return until_j


def sampled_curve(
    channel: Channel, known: KnownRange, t_s: NDArray[Any], power_w: NDArray[Any], grid: UpdateGrid | None
) -> SampledCurve:
    """Integrate the readings `power_w` at `t_s`, both of shape (n,), n >= 1.

    Where they keep to an update `grid`, as `part_time_energy` does, over the whole period if it is not known how much
    of it they average over; else by the trapezoid rule, as if a reading stood for the moment at which it appeared.
    """
    published_s, published_w = _published(t_s, power_w)
    if grid is not None:
        node_s, energy_j = part_time_energy(grid, channel.averaging_window_s or grid.period_s)
    else:
        steps_j = np.diff(published_s) * (published_w[1:] + published_w[:-1]) / 2
        node_s, energy_j = published_s, np.concatenate([[0.0], np.cumsum(steps_j)])
    return SampledCurve(
        channel=channel,
        known=replace(known, reach_s=known.reach_s + (known.last_s - float(node_s[-1]))),
        t_s=published_s,
        power_w=published_w,
        node_s=node_s,
        energy_j=energy_j,
        pauses_s=_pauses_s(t_s, float(np.median(np.diff(published_s)))),
    )


def _pauses_s(t_s: NDArray[Any], period_s: float) -> NDArray[Any]:
    """Return where sampling paused for more than an update period: what was published meanwhile is not known."""
    gaps_s = np.diff(t_s)
    paused = np.flatnonzero(gaps_s > PAUSED * period_s)
    return np.stack([t_s[paused], gaps_s[paused]])


def power_gaps(t_s: NDArray[Any]) -> tuple[Fault, ...]:
    """Return where power was not read for so long that it is unknown; `t_s` are all readings' times."""
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
    """Return one reading per update: the samples between two updates repeat the older one.

    The shortest usual time between two different values is the sensor's period, and no card's is over 100 ms; a value
    that stays for longer was published again and again. An update lies midway between the samples around it.
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
