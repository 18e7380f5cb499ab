"""Measurement uncertainty of the energy of intervals, channel by channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve, IntervalEnergies
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95, SampledCurve
from llenergymeasure.metrics.energy.sub_tick_variation import SubTickVariation, sub_tick_variation
from llenergymeasure.metrics.signals.resolution import resolution
from llenergymeasure.metrics.statistics.segments import segments

TWO_ROUNDINGS = 1 - math.sqrt(0.05)
"""The difference of two values, each cut off to a step, is within this share of the step in 95 % of cases: two uniform
errors have a triangular distribution."""
STEP_SHARE = 1 / math.sqrt(120)
"""A step anywhere within the averaging time W changes the energy by `step * W * x * (1 - x) / 2` for x in [0, 1]; this
is the root of its mean square over `step * W`."""


LINEARITY_S = 1.0
"""Time over which a board's deviation from a straight line forgets itself: those of RTX 3090 and RTX 4090 beside an
external meter (data of arXiv 2312.02741) are correlated by a half from reading to reading, and hardly after 1 s."""


@dataclass(frozen=True, kw_only=True)
class ChannelUncertainty:
    """95 % half-widths, in joules, of one channel's energy over one interval.

    All are independent from one interval to the next, but for gain and offset, which err alike in each, a part of the
    linearity, and the edges if they are alike.
    """

    channel: Channel
    gain_j: float = 0.0
    """Of the sensor's gain and offset."""
    linearity_j: float = 0.0
    """What readings differ from a straight line of the true power."""
    linearity_alike_j: float = 0.0
    """What of it stays the same from window to window: the line is bent."""
    edges_j: float = 0.0
    """The ends of the interval, between ticks or readings."""
    edges_alike: bool = False
    """Whether work may begin or end at an edge, without a rest: then the edges of all windows may err alike."""
    alias_j: float = 0.0
    """Power between the readings, where there is no counter."""
    resolution_j: float = 0.0
    step: float = 0.0
    """Of the readings, in joules (a counter) or watts."""
    readings: float = 0.0
    """Of power, that the energy was integrated from; 0 for a counter."""

    @property
    def random_j(self) -> float:
        """All that differs from one interval to the next."""
        return math.hypot(self.linearity_j, self.edges_j, self.alias_j, self.resolution_j)


@dataclass(frozen=True, kw_only=True)
class ChannelUncertainties:
    """The same of n intervals, arrays of shape (n,); NaN where the energy is unknown."""

    channel: Channel
    step: float
    gain_j: NDArray[np.float64]
    linearity_j: NDArray[np.float64]
    linearity_alike_j: NDArray[np.float64]
    edges_j: NDArray[np.float64]
    edges_alike: NDArray[np.bool_]
    alias_j: NDArray[np.float64]
    resolution_j: NDArray[np.float64]
    readings: NDArray[np.float64]

    @property
    def random_j(self) -> NDArray[np.float64]:
        """All that differs from one interval to the next."""
        random_j: NDArray[np.float64] = np.sqrt(
            self.linearity_j**2 + self.edges_j**2 + self.alias_j**2 + self.resolution_j**2
        )
        return random_j

    def at(self, index: int) -> ChannelUncertainty | None:
        """Return the uncertainty of one of the intervals; None where its energy is unknown."""
        if np.isnan(self.gain_j[index]):
            return None
        return ChannelUncertainty(
            channel=self.channel,
            step=self.step,
            gain_j=float(self.gain_j[index]),
            linearity_j=float(self.linearity_j[index]),
            linearity_alike_j=float(self.linearity_alike_j[index]),
            edges_j=float(self.edges_j[index]),
            edges_alike=bool(self.edges_alike[index]),
            alias_j=float(self.alias_j[index]),
            resolution_j=float(self.resolution_j[index]),
            readings=float(self.readings[index]),
        )


@dataclass(frozen=True, kw_only=True)
class UncertaintyModel:
    """What is computed once of a channel's `samples`, all of them, for the uncertainty of any of its intervals."""

    curve: EnergyCurve
    samples: NDArray[Any]

    def of(
        self, energies: IntervalEnergies, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> ChannelUncertainties:
        """Return the uncertainty of `energies`, which the curve gave for these intervals."""
        curve, duration_s = self.curve, (end_ns - start_ns) / 1e9
        edges_j, alias_j = energies.edge_error_j, energies.alias_error_j
        readings = resolution_j = np.zeros(len(energies))
        if isinstance(curve, CounterCurve):
            resolution_j = np.full(len(energies), TWO_ROUNDINGS * self.step)
            if self._variation is not None:
                variation_j = np.sqrt(energies.open_edges) * self._variation.edge_j(start_ns, end_ns)
                edges_j = np.hypot(edges_j, variation_j)
        elif isinstance(curve, (SampledCurve, DeconvolvedCurve)):
            resolution_j = self.step / 2 * duration_s
            if isinstance(curve, SampledCurve):
                readings, averaging_j = _readings_of(curve, start_ns, end_ns)
                edges_j = np.hypot(edges_j, averaging_j)
            else:
                readings = duration_s / curve.power.period_s
        unknown = np.isnan(energies.energy_j)
        deviation_j = NORMAL_95 * _deviation_j(curve.channel, energies.energy_j, duration_s)
        return ChannelUncertainties(
            channel=curve.channel,
            step=self.step,
            gain_j=np.hypot(energies.sensor_error_j, curve.channel.offset_error_w * duration_s),
            linearity_j=deviation_j * np.sqrt(LINEARITY_S / np.maximum(duration_s, LINEARITY_S)),
            linearity_alike_j=NORMAL_95 * curve.channel.linearity * np.abs(energies.energy_j),
            edges_j=np.where(unknown, np.nan, edges_j),
            edges_alike=energies.open_edges > 0,
            alias_j=alias_j,
            resolution_j=np.where(unknown, np.nan, resolution_j),
            readings=np.where(unknown, np.nan, readings),
        )

    @cached_property
    def step(self) -> float:
        """Step of the readings: joules for a counter, watts for power, 0 for a model."""
        if self.curve.method == "estimated":
            return 0.0
        return resolution(self.samples["power_w" if self.curve.method == "sampled" else "energy_j"])

    @cached_property
    def _variation(self) -> SubTickVariation | None:
        curve = self.curve
        assert isinstance(curve, CounterCurve)
        read = self.samples[np.isfinite(self.samples["power_w"])]
        read_s = curve.known.seconds(read["t_unix_ns"])
        return sub_tick_variation(
            curve.ticks, read["t_unix_ns"], read_s, read["power_w"] * curve.channel.gain
        )


def _deviation_j(
    channel: Channel, energy_j: NDArray[np.float64], duration_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the standard deviation of energies by what readings differ from a straight line, were it constant.

    A deviation that forgets itself after a time L averages out to the share `sqrt(L / T)` over longer times T.
    """
    deviation_j: NDArray[np.float64] = np.maximum(
        channel.linearity_w * duration_s, channel.linearity * np.abs(energy_j)
    )
    return deviation_j


def _readings_of(
    curve: SampledCurve, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many readings stand for each interval, and the half-width by their averaging, in joules."""
    start_s, end_s = curve.known.seconds(start_ns), curve.known.seconds(end_ns)
    gap_s, _ = curve.scatter(start_s, end_s)
    has_readings = (gap_s > 0) & (end_s > start_s)
    readings = np.zeros(len(start_s))
    readings[has_readings] = (end_s - start_s)[has_readings] / gap_s[has_readings]
    averaging_s = curve.channel.averaging_window_s or 0.0
    averaging_j = np.zeros(len(start_s))
    smeared = has_readings & (averaging_s > gap_s)
    if smeared.any():
        averaging_j[smeared] = averaging_error_j(curve, start_s[smeared], end_s[smeared], averaging_s)
    return readings, averaging_j


def averaging_error_j(
    curve: SampledCurve, start_s: NDArray[np.float64], end_s: NDArray[np.float64], averaging_s: float
) -> NDArray[np.float64]:
    """Return the 95 % half-width of the energy of intervals from means over `averaging_s` that were not deconvolved.

    A mean that appears now is, if the power was steady, of half an averaging time ago: so the readings of an interval
    miss the difference between its two ends times that half. They do not show when within an averaging time a change
    came.
    """
    first = np.searchsorted(curve.t_s, start_s - averaging_s, side="right")
    last = np.searchsorted(curve.t_s, end_s + averaging_s) - 1
    step_w, ends_w = np.zeros(len(start_s)), np.interp([start_s, end_s], curve.t_s, curve.power_w)
    gaps_s, changes_w = np.diff(curve.t_s), np.diff(curve.power_w)
    has_changes = last > first
    for rows, index in segments(first, last):
        usual_s = np.median(gaps_s[index], axis=1)
        step_w[rows] = np.sqrt(np.mean(changes_w[index] ** 2, axis=1)) * np.maximum(
            1.0, averaging_s / usual_s
        )
    late_j = np.where(has_changes, averaging_s / 2 * np.abs(ends_w[1] - ends_w[0]), 0.0)
    error_j: NDArray[np.float64] = late_j + NORMAL_95 * math.sqrt(2) * STEP_SHARE * step_w * averaging_s
    return error_j
