"""Energies of phases summed over the channels, each fitted by least squares, with the interval of the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.attribution.phases.columns import PHASES, columns_of
from llenergymeasure.metrics.attribution.phases.fit import ChannelPhases, fit_phases
from llenergymeasure.metrics.attribution.phases.observations import Observations
from llenergymeasure.metrics.attribution.phases.reasons import BREAK, NotIdentifiable
from llenergymeasure.metrics.attribution.phases.rows import FitData
from llenergymeasure.metrics.attribution.phases.times import PhaseTimes, Runs
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95
from llenergymeasure.metrics.statistics.student import student_t
from llenergymeasure.metrics.uncertainty.meter_terms import combine_gains

FEWEST_PREFILLS = 8
"""With fewer, the spread that decides on the interval is itself hardly known: Student's factor is 2.4 with eight."""
MOST_GROUPS = 40
"""Stretches of the run whose errors count as independent: each has at least one prefill."""
MOST_CELLS = 5_000
"""Intervals of one sensor that are fitted: of more, as many from each stretch of the run, which saves time and tells
enough (500 s of a counter that ticks every 100 ms)."""
LOCKED = 0.9
"""Mean resultant length of the places of prefills within the sensor's intervals (0: anywhere, 1: all at one place) from
which they count as locked. At 0.9 their places scatter by 7 % of an interval (standard deviation): what an interval
with a prefill has more than another one is then not distinguished from what decoding draws before and after it."""
RESOLVED = 2.0
"""A prefill that lasts for so many intervals has one of its own, wherever it begins."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelData:
    """A channel, and what its sensor says."""

    channel: Channel
    observed: Observations


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedEnergies:
    """Energies of prefill, decode and rest over all channels and their 95 % half-widths, shapes (3,)."""

    energy_j: Floats
    half_width_j: Floats
    cells: int
    relative_residual: float
    condition_number: float


def fitted_energies(
    channels: Sequence[ChannelData], times: PhaseTimes, windows_ns: NDArray[np.int64]
) -> FittedEnergies | NotIdentifiable:
    """Return the energies over the windows, shape (n, 2), or the reason why they are not identifiable."""
    prefills = len(times.prefill_ns)
    if prefills < FEWEST_PREFILLS:
        number = "one prefill" if prefills == 1 else f"{prefills} prefills"
        reason = f"only {number} shorter than the sensors resolve: it takes at least {FEWEST_PREFILLS}"
        return NotIdentifiable(reason=reason)
    groups = min(prefills, MOST_GROUPS)
    begins = np.arange(groups) * prefills // groups
    begins_ns = times.prefill_ns[begins, 0]
    durations_s = _durations_s(times, windows_ns)
    fits = []
    for each in channels:
        fit = _fit_channel(each, times, windows_ns, begins_ns, rest_s=float(durations_s[2]))
        if isinstance(fit, NotIdentifiable):
            return fit.at(each.channel.label)
        fits.append(fit)
    return _summed([each.channel for each in channels], fits, durations_s)


def _fit_channel(
    data: ChannelData, times: PhaseTimes, windows_ns: Runs, begins_ns: NDArray[np.int64], rest_s: float
) -> ChannelPhases | NotIdentifiable:
    if data.observed.reason is not None:
        return NotIdentifiable(reason=data.observed.reason)
    if _is_locked(data, times):
        reason = "prefills always begin at the same place within the sensor's intervals"
        return NotIdentifiable(reason=reason, remedy=BREAK)
    columns = columns_of(times, data.observed.origin_ns, rest_s)
    return fit_phases(_fit_data(data, windows_ns, begins_ns), columns)


def _is_locked(data: ChannelData, times: PhaseTimes) -> bool:
    """Whether prefills that are shorter than the sensor resolves keep to one place within its intervals."""
    begins_s = (times.prefill_ns[:, 0] - data.observed.origin_ns) / 1e9
    lasts_s = (times.prefill_ns[:, 1] - times.prefill_ns[:, 0]) / 1e9
    ends_s = data.observed.end_s
    if float(np.median(lasts_s)) > RESOLVED * data.observed.resolution_s or len(ends_s) < 2:
        return False
    number = np.clip(np.searchsorted(ends_s, begins_s, side="right"), 1, len(ends_s) - 1)
    places = (begins_s - ends_s[number - 1]) / (ends_s[number] - ends_s[number - 1])
    return bool(abs(np.exp(2j * np.pi * places).mean()) > LOCKED)


def _fit_data(data: ChannelData, windows_ns: NDArray[np.int64], begins_ns: NDArray[np.int64]) -> FitData:
    windows_s = (windows_ns - data.observed.origin_ns) / 1e9
    begins_s = (begins_ns - data.observed.origin_ns) / 1e9
    start_s, end_s = data.observed.start_s, data.observed.end_s
    window = np.searchsorted(windows_s[:, 0], start_s, side="right") - 1
    rows = np.flatnonzero((window >= 0) & (end_s <= windows_s[window, 1]))
    middle_s = (start_s[rows] + end_s[rows]) / 2
    groups = np.maximum(np.searchsorted(begins_s, middle_s, side="right") - 1, 0)
    stretches = window[rows]
    if len(rows) > MOST_CELLS:
        kept = _first_of_each(groups, MOST_CELLS // len(begins_s))
        rows, groups = rows[kept], groups[kept]
        stretches = stretches[kept] * len(begins_s) + groups
    return FitData(
        observed=data.observed.select(rows),
        windows_s=windows_s,
        stretches=stretches,
        groups=groups,
        group_count=len(begins_s),
    )


def _first_of_each(groups: NDArray[np.intp], most: int) -> NDArray[np.bool_]:
    """Return the mask of the first rows of each group; `groups` rise."""
    first: NDArray[np.bool_] = np.arange(len(groups)) - np.searchsorted(groups, groups) < most
    return first


def _durations_s(times: PhaseTimes, windows_ns: NDArray[np.int64]) -> Floats:
    prefill_s, decode_s = (
        float((runs[:, 1] - runs[:, 0]).sum()) / 1e9 for runs in (times.prefill_ns, times.decode_ns)
    )
    total_s = float((windows_ns[:, 1] - windows_ns[:, 0]).sum()) / 1e9
    return np.array([prefill_s, decode_s, max(total_s - prefill_s - decode_s, 0.0)])


def _summed(
    channels: Sequence[Channel], fits: Sequence[ChannelPhases], durations_s: Floats
) -> FittedEnergies:
    """Return the sum over the channels.

    What a group adds counts with its sign, for a change of the load is seen by all sensors. So is the shape of the
    decoding power; their ticks are independent.
    """
    influence_j = np.sum([each.influence_j for each in fits], axis=0)
    spread_j = student_t(len(influence_j) - 1) * np.sqrt((influence_j**2).sum(axis=0))
    shape_j = np.sum([each.shape_j for each in fits], axis=0)
    ticks_j = np.sqrt(np.sum([each.ticks_j**2 for each in fits], axis=0))
    systematic_j = _systematic_j(channels, fits, durations_s)
    return FittedEnergies(
        energy_j=np.sum([each.energy_j for each in fits], axis=0),
        half_width_j=np.sqrt(spread_j**2 + shape_j**2 + ticks_j**2 + systematic_j**2),
        cells=sum(each.cells for each in fits),
        relative_residual=max(each.relative_residual for each in fits),
        condition_number=max(each.condition_number for each in fits),
    )


def _systematic_j(channels: Sequence[Channel], fits: Sequence[ChannelPhases], durations_s: Floats) -> Floats:
    """Return the half-width by the sensors' gain and offset, and by what they deviate from a straight line."""
    systematic_j = np.zeros(PHASES)
    for phase, duration_s in enumerate(durations_s):
        if duration_s <= 0:
            continue
        energies_j = [float(each.energy_j[phase]) for each in fits]
        pairs = list(zip(channels, energies_j, strict=True))
        gain_j = combine_gains(
            (channel, channel.systematic_error_w(energy_j / duration_s) * duration_s)
            for channel, energy_j in pairs
        )
        bent_j = (
            NORMAL_95 * max(channel.linearity * energy_j, channel.linearity_w * duration_s)
            for channel, energy_j in pairs
        )
        systematic_j[phase] = math.hypot(gain_j, *bent_j)
    return systematic_j
