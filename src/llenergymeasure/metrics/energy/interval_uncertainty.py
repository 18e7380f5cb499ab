"""What the meters leave open in the energy of one interval, channel by channel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95, SampledCurve
from llenergymeasure.metrics.energy.sub_tick_variation import sub_tick_variation_j
from llenergymeasure.metrics.signals.resolution import resolution

TWO_ROUNDINGS = 1 - math.sqrt(0.05)
"""The difference of two values, each cut off to a step, is within this share of the step in 95 % of cases."""


@dataclass(frozen=True, kw_only=True)
class ChannelUncertainty:
    """95 % half-widths, in joules, of one channel's energy over one interval.

    All but the gain are independent from one interval to the next; the gain errs by the same share of each.
    """

    channel: Channel
    gain_j: float = 0.0
    edges_j: float = 0.0
    """The ends of the interval, between ticks or readings."""
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
        return math.hypot(self.edges_j, self.alias_j, self.resolution_j)


def channel_uncertainty(
    curve: EnergyCurve, samples: NDArray[Any], step: float, phase: Phase
) -> ChannelUncertainty | None:
    """Return what one channel leaves open over a phase; None where its energy is not known.

    `samples` are all of the channel, and `step` is their `reading_step`.
    """
    part = curve.between(phase.start_unix_ns, phase.end_unix_ns)
    if part.energy_j is None:
        return None
    found = ChannelUncertainty(
        channel=curve.channel, gain_j=part.sensor_error_j, edges_j=part.edge_error_j, step=step
    )
    if isinstance(curve, SampledCurve):
        return _of_readings(curve, found, phase)
    if isinstance(curve, DeconvolvedCurve):
        return _of_means(curve, found, phase)
    if isinstance(curve, CounterCurve):
        return _of_counter(curve, found, phase, samples)
    return found


def reading_step(curve: EnergyCurve, samples: NDArray[Any]) -> float:
    """Return the step of a channel's readings: joules for a counter, watts for power, 0 for a model."""
    if curve.method == "estimated":
        return 0.0
    return resolution(samples["power_w" if curve.method == "sampled" else "energy_j"])


def _of_counter(
    curve: CounterCurve, found: ChannelUncertainty, phase: Phase, samples: NDArray[Any]
) -> ChannelUncertainty:
    first, last = np.searchsorted(samples["t_unix_ns"], [phase.start_unix_ns, phase.end_unix_ns])
    during = samples[first:last]
    read = during[np.isfinite(during["power_w"])]
    read_s = (read["t_unix_ns"] - curve.origin_ns) / 1e9
    flicker_j = sub_tick_variation_j(curve.ticks, read_s, read["power_w"] * curve.channel.gain)
    return replace(
        found,
        edges_j=math.hypot(found.edges_j, flicker_j),
        resolution_j=TWO_ROUNDINGS * found.step,
    )


def _of_readings(curve: SampledCurve, found: ChannelUncertainty, phase: Phase) -> ChannelUncertainty:
    """Split what the curve states, `s sqrt(g T + 2 g g)` for readings every g over T, into its two parts."""
    start_s, end_s = ((at_ns - curve.origin_ns) / 1e9 for at_ns in (phase.start_unix_ns, phase.end_unix_ns))
    first, last = np.searchsorted(curve.t_s, [start_s, end_s])
    gaps_s = np.diff(curve.t_s[max(0, int(first) - 2) : int(last) + 2])
    if len(gaps_s) == 0 or end_s <= start_s:
        return found
    gap_s = float(np.median(gaps_s))
    readings = (end_s - start_s) / gap_s
    within = readings / (readings + 2)
    averaging_s = curve.channel.averaging_window_s or 0.0
    smear_j = deconvolution_error_j(curve, start_s, end_s, averaging_s) if averaging_s > gap_s else 0.0
    return replace(
        found,
        edges_j=math.hypot(math.sqrt(1 - within) * found.edges_j, smear_j),
        alias_j=math.sqrt(within) * found.edges_j,
        resolution_j=found.step / 2 * (end_s - start_s),
        readings=readings,
    )


def _of_means(curve: DeconvolvedCurve, found: ChannelUncertainty, phase: Phase) -> ChannelUncertainty:
    """Tell what the undone averaging leaves open from the edges of the window."""
    alias_j = curve.averaging_error_j(phase.start_unix_ns, phase.end_unix_ns)
    period_s = float(curve.course.edges_s[1] - curve.course.edges_s[0])
    return replace(
        found,
        edges_j=math.sqrt(max(found.edges_j**2 - alias_j**2, 0.0)),
        alias_j=alias_j,
        resolution_j=found.step / 2 * phase.duration_s,
        readings=phase.duration_s / period_s,
    )


STEP_SHARE = 1 / math.sqrt(120)
"""A step anywhere within the averaging time W leaves `step * W * x * (1 - x) / 2` open for x in [0, 1]; this is the
root of its mean square over `step * W`."""


def deconvolution_error_j(curve: SampledCurve, start_s: float, end_s: float, averaging_s: float) -> float:
    """Return the 95 % half-width of what means over `averaging_s` leave open in a window, in joules.

    A mean that appears now is, if the power was steady, of half an averaging time ago: so the window's readings miss
    the difference between its two ends times that half. When within an averaging time a change came, they do not
    tell.
    """
    near = (curve.t_s > start_s - averaging_s) & (curve.t_s < end_s + averaging_s)
    gaps_s, changes_w = np.diff(curve.t_s[near]), np.diff(curve.power_w[near])
    if len(gaps_s) == 0:
        return 0.0
    at_start_w, at_end_w = np.interp([start_s, end_s], curve.t_s, curve.power_w)
    late_j = averaging_s / 2 * abs(float(at_end_w - at_start_w))
    step_w = math.sqrt(float(np.mean(changes_w**2))) * max(1.0, averaging_s / float(np.median(gaps_s)))
    return late_j + NORMAL_95 * math.sqrt(2) * STEP_SHARE * step_w * averaging_s
