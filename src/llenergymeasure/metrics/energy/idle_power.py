"""Idle power of the machine: bare, with the device's context, with the model loaded."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.baseline import BaselineReuse, ChannelIdlePower, Origin, StoredBaseline
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.statistics.student import mean_half_width

SLICE_NS = 1_000_000_000
"""Slices of an idle phase whose powers are independent: a second is the longest averaging window known (arXiv
2312.02741)."""
TOO_SHORT = "the idle baseline is too short for a spread: it takes two seconds"


@dataclass(frozen=True, kw_only=True)
class IdlePower:
    """Mean idle power over all included channels, None where one of them is unknown, and channel by channel.

    `half_width_w` is that of its 95 % interval: Student's, over slices of a second (which vary with the sensor's noise
    and with whatever else the machine does), and the uncertainty of the phase's edges. None with fewer than two slices.
    """

    power_w: float | None
    half_width_w: float | None
    by_channel: tuple[float | None, ...]
    origin: Origin = "measured"
    duration_s: float | None = None
    """How long it was measured; None where it is an earlier run's."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The idle power of each baseline phase; None for one that was left out."""

    bare: IdlePower | None = None
    context: IdlePower | None = None
    loaded: IdlePower | None = None


def find_idle_power(
    account: EnergyAccount, phases: Sequence[Phase], reuse: BaselineReuse | None = None
) -> Baselines:
    """Return the baselines of a run from its phases; the bare one is an earlier run's where that was reused."""
    if reuse is not None and reuse.stored is not None:
        bare: IdlePower | None = _stored_idle_power(account, reuse.stored, _only(phases, "baseline_check"))
    else:
        bare = _idle_power(account, _only(phases, "baseline_idle"))
    return Baselines(
        bare=bare,
        context=_idle_power(account, _only(phases, "baseline_context")),
        loaded=_idle_power(account, _only(phases, "baseline_loaded")),
    )


def baseline_to_store(account: EnergyAccount, phase: Phase) -> StoredBaseline | None:
    """Return the idle power that a later run may reuse; None where part of it is unknown."""
    idle = _idle_power(account, phase)
    if idle is None or idle.power_w is None or idle.half_width_w is None:
        return None
    found = (
        _channel_idle_power(account, index, phase, power_w)
        for index, power_w in enumerate(idle.by_channel)
        if power_w is not None
    )
    channels = [each for each in found if each is not None]
    return StoredBaseline(
        measured_unix_ns=phase.end_unix_ns,
        duration_s=phase.duration_s,
        power_w=idle.power_w,
        half_width_w=idle.half_width_w,
        channels=tuple(channels),
    )


def mean_channel_power_w(account: EnergyAccount, index: int, phase: Phase) -> float | None:
    """Return the mean power of one channel, given by its index in the trace, over a phase; None where it is unknown."""
    energy_j = account.channel_energies(index, [phase]).total_j
    return energy_j / phase.duration_s if energy_j is not None and phase.duration_s > 0 else None


def _only(phases: Sequence[Phase], name: str) -> Phase | None:
    return next((phase for phase in phases if phase.name == name and phase.complete), None)


def _idle_power(account: EnergyAccount, phase: Phase | None) -> IdlePower | None:
    if phase is None or phase.duration_s <= 0:
        return None
    return IdlePower(
        power_w=account.mean_power_w(phase),
        half_width_w=_half_width_w(account, phase),
        by_channel=tuple(mean_channel_power_w(account, index, phase) for index in range(len(account.curves))),
        duration_s=phase.duration_s,
    )


def _stored_idle_power(account: EnergyAccount, stored: StoredBaseline, check: Phase | None) -> IdlePower:
    """Return the stored power, with its own uncertainty and by how much the check of this run differed from it."""
    by_channel = [stored.of(curve.channel) for curve in account.curves]
    checked_w = account.mean_power_w(check)
    return IdlePower(
        power_w=stored.power_w,
        half_width_w=None
        if checked_w is None
        else math.hypot(stored.half_width_w, checked_w - stored.power_w),
        by_channel=tuple(each.power_w if each else None for each in by_channel),
        origin="cached",
    )


def _half_width_w(account: EnergyAccount, phase: Phase) -> float | None:
    powers_w = account.total_energies(*_slices(phase)).energy_j / (SLICE_NS / 1e9)
    if np.isnan(powers_w).any():
        return None
    spread_w = mean_half_width(powers_w.tolist())
    if spread_w is None:
        return None
    return math.hypot(spread_w, *(each.random_j / phase.duration_s for each in account.uncertainty(phase)))


def _slices(phase: Phase) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts and the ends of the whole seconds of a phase."""
    edges_ns = np.arange(phase.start_unix_ns, phase.end_unix_ns + 1, SLICE_NS)
    return edges_ns[:-1], edges_ns[1:]


def _channel_idle_power(
    account: EnergyAccount, index: int, phase: Phase, power_w: float
) -> ChannelIdlePower | None:
    """Return what is stored of a channel; None where its scatter is unknown, without which no drift can be told."""
    channel = account.channels[index]
    powers_w = account.energies(*_slices(phase))[index].energy_j / (SLICE_NS / 1e9)
    if len(powers_w) < 2 or np.isnan(powers_w).any():
        return None
    return ChannelIdlePower(
        **dict(channel.key),
        power_w=power_w,
        deviation_w=statistics.stdev(powers_w.tolist()),
    )
