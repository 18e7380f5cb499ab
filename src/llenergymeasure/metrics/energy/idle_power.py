"""The machine at rest: bare, with the device's context, with the model loaded."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from llenergymeasure.domain.baseline import BaselineReuse, ChannelIdlePower, Origin, StoredBaseline
from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount, curve_energy_j
from llenergymeasure.metrics.energy.build import EnergyCurve
from llenergymeasure.metrics.statistics.student import mean_half_width

SLICE_NS = 1_000_000_000
TOO_SHORT = "the idle baseline is too short for a spread: it takes two seconds"


@dataclass(frozen=True, kw_only=True)
class IdlePower:
    """Mean power at rest over all counted channels, None where one of them is unknown, and channel by channel.

    `half_width_w` is that of its 95 % interval: Student's, over slices of a second (which vary with the sensor's noise
    and with whatever else the machine does), and what the edges of the phase leave open. None with fewer than two.
    """

    power_w: float | None
    half_width_w: float | None
    by_channel: tuple[float | None, ...]
    origin: Origin = "measured"
    duration_s: float | None = None
    """How long it was measured; None where it is a former run's."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The three; None for one that was not taken."""

    bare: IdlePower | None = None
    context: IdlePower | None = None
    loaded: IdlePower | None = None


def find_idle_power(
    account: EnergyAccount, phases: Sequence[Phase], reuse: BaselineReuse | None = None
) -> Baselines:
    """Return the baselines of a run from its phases; the bare one of a former run where that was taken over."""
    if reuse is not None and reuse.stored is not None:
        bare: IdlePower | None = _former_rest(account, reuse.stored, _only(phases, "baseline_check"))
    else:
        bare = _rest(account, _only(phases, "baseline_idle"))
    return Baselines(
        bare=bare,
        context=_rest(account, _only(phases, "baseline_context")),
        loaded=_rest(account, _only(phases, "baseline_loaded")),
    )


def baseline_to_store(account: EnergyAccount, phase: Phase) -> StoredBaseline | None:
    """Return what a later run may take over; None where something of it is not known."""
    rest = _rest(account, phase)
    if rest is None or rest.power_w is None or rest.half_width_w is None:
        return None
    channels = [
        _channel_rest(curve.channel, power_w, _deviation_w(curve, phase))
        for curve, power_w in zip(account.curves, rest.by_channel, strict=True)
        if power_w is not None
    ]
    return StoredBaseline(
        measured_unix_ns=phase.end_unix_ns,
        duration_s=phase.duration_s,
        power_w=rest.power_w,
        half_width_w=rest.half_width_w,
        channels=tuple(channels),
    )


def slices(phase: Phase) -> list[Phase]:
    """Return the whole seconds of a phase."""
    edges = range(phase.start_unix_ns, phase.end_unix_ns + 1, SLICE_NS)
    return [replace(phase, start_unix_ns=start, end_unix_ns=end) for start, end in pairwise(edges)]


def mean_channel_power_w(curve: EnergyCurve, phase: Phase) -> float | None:
    """Return the mean power of one channel over a phase; None where it is not known."""
    energy_j, _ = curve_energy_j(curve, [phase])
    return energy_j / phase.duration_s if energy_j is not None and phase.duration_s > 0 else None


def _only(phases: Sequence[Phase], name: str) -> Phase | None:
    return next((phase for phase in phases if phase.name == name and phase.complete), None)


def _rest(account: EnergyAccount, phase: Phase | None) -> IdlePower | None:
    if phase is None or phase.duration_s <= 0:
        return None
    return IdlePower(
        power_w=account.mean_power_w(phase),
        half_width_w=_half_width_w(account, phase),
        by_channel=tuple(mean_channel_power_w(curve, phase) for curve in account.curves),
        duration_s=phase.duration_s,
    )


def _former_rest(account: EnergyAccount, stored: StoredBaseline, check: Phase | None) -> IdlePower:
    """Return the stored power; its doubt is its own, and by how much the check of this run differed from it."""
    found = (stored.of(curve.channel) for curve in account.curves)
    checked_w = account.mean_power_w(check)
    return IdlePower(
        power_w=stored.power_w,
        half_width_w=None
        if checked_w is None
        else math.hypot(stored.half_width_w, checked_w - stored.power_w),
        by_channel=tuple(each.power_w if each else None for each in found),
        origin="cached",
    )


def _half_width_w(account: EnergyAccount, phase: Phase) -> float | None:
    powers = _known(account.mean_power_w(each) for each in slices(phase))
    spread_w = mean_half_width(powers) if powers is not None else None
    if spread_w is None:
        return None
    left_open_j = (errors.random_j for errors in account.errors(phase))
    return math.hypot(spread_w, *(error_j / phase.duration_s for error_j in left_open_j))


def _deviation_w(curve: EnergyCurve, phase: Phase) -> float:
    powers = _known(mean_channel_power_w(curve, each) for each in slices(phase))
    return statistics.stdev(powers) if powers is not None and len(powers) > 1 else 0.0


def _known(values: Iterable[float | None]) -> list[float] | None:
    """Return the values, or None where one of them is missing."""
    found = list(values)
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None


def _channel_rest(channel: Channel, power_w: float, deviation_w: float) -> ChannelIdlePower:
    return ChannelIdlePower(
        meter=channel.meter,
        domain=channel.domain,
        device=channel.device,
        label=channel.label,
        power_w=power_w,
        deviation_w=deviation_w,
    )
