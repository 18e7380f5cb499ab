"""Energy split by device, with the idle power of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.experiment import BaselineUsed, DeviceEnergy, EnergyBreakdown
from llenergymeasure.domain.trace import Phase, complete_windows
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import Baselines, IdlePower

_WEAKEST_FIRST: tuple[Method, ...] = ("estimated", "sampled", "counter")


def energy_method(account: EnergyAccount) -> Method | None:
    """Return the weakest method among the channels included in the total: a sum is no better than its worst part."""
    methods = {curve.method for curve in account.included}
    return next((method for method in _WEAKEST_FIRST if method in methods), None)


def energy_breakdown(
    account: EnergyAccount,
    phases: Sequence[Phase],
    baselines: Baselines,
) -> EnergyBreakdown:
    """Return the energy of each device over the complete windows, and its idle power."""
    windows = complete_windows(phases)
    return EnergyBreakdown(
        method=energy_method(account),
        by_device=tuple(_device(account, index, windows, baselines) for index in range(len(account.curves))),
        net_baseline=_used("baseline_idle", baselines.bare),
        marginal_baseline=_used("baseline_loaded", baselines.loaded),
    )


def _device(
    account: EnergyAccount, index: int, windows: Sequence[Phase], baselines: Baselines
) -> DeviceEnergy:
    curve = account.curves[index]
    energies = account.channel_energies(index, windows)
    energy_j = energies.total_j
    duration_s = sum(window.duration_s for window in windows)
    channel = curve.channel
    return DeviceEnergy(
        **dict(channel.key),
        method=curve.method,
        energy_j=energy_j,
        mean_power_w=energy_j / duration_s if energy_j is not None and duration_s > 0 else None,
        idle_power_w=_of_channel(baselines.bare, index),
        context_power_w=_of_channel(baselines.context, index),
        loaded_power_w=_of_channel(baselines.loaded, index),
        included_in_total=channel.included_in_total,
        note=channel.note,
        reason=energies.reason,
    )


def _of_channel(idle: IdlePower | None, index: int) -> float | None:
    return None if idle is None else idle.by_channel[index]


def _used(phase: Literal["baseline_idle", "baseline_loaded"], idle: IdlePower | None) -> BaselineUsed | None:
    """Return which idle power was subtracted; None where none was known."""
    if idle is None or idle.power_w is None:
        return None
    return BaselineUsed(phase=phase, origin=idle.origin)
