"""Energy split by device, with the idle machine beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.experiment import BaselineUsed, DeviceEnergy, EnergyBreakdown
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount, curve_energy_j
from llenergymeasure.metrics.energy.idle_power import Baselines, IdlePower

_WEAKEST_FIRST: tuple[Method, ...] = ("estimated", "sampled", "counter")


def energy_method(account: EnergyAccount) -> Method | None:
    """Return the weakest method among the counted channels: a sum is no better than its worst part."""
    methods = {curve.method for curve in account.included}
    return next((method for method in _WEAKEST_FIRST if method in methods), None)


def energy_breakdown(
    account: EnergyAccount,
    phases: Sequence[Phase],
    baselines: Baselines,
    estimates: Mapping[str, Estimate],
) -> EnergyBreakdown:
    """Return what each device drew over the complete windows, and the machine at rest.

    Net and marginal energy are those of `estimates`.
    """
    windows = [phase for phase in phases if phase.name == "window" and phase.complete]
    load = next((phase for phase in phases if phase.name == "load" and phase.complete), None)
    net, marginal = estimates.get("net_energy_j"), estimates.get("marginal_energy_j")
    return EnergyBreakdown(
        method=energy_method(account),
        by_device=tuple(_device(account, index, windows, baselines) for index in range(len(account.curves))),
        idle_power_w=_power_w(baselines.bare),
        context_power_w=_power_w(baselines.context),
        loaded_power_w=_power_w(baselines.loaded),
        net_energy_j=net.value if net else None,
        net_baseline=_used("baseline_idle", baselines.bare) if net else None,
        marginal_energy_j=marginal.value if marginal else None,
        marginal_baseline=_used("baseline_loaded", baselines.loaded) if marginal else None,
        load_energy_j=None if load is None else account.energy(load).energy_j,
    )


def _device(
    account: EnergyAccount, index: int, windows: Sequence[Phase], baselines: Baselines
) -> DeviceEnergy:
    curve = account.curves[index]
    energy_j, reason = curve_energy_j(curve, windows)
    duration_s = sum(window.duration_s for window in windows)
    channel = curve.channel
    return DeviceEnergy(
        meter=channel.meter,
        domain=channel.domain,
        device=channel.device,
        label=channel.label,
        method=curve.method,
        energy_j=energy_j,
        mean_power_w=energy_j / duration_s if energy_j is not None and duration_s > 0 else None,
        idle_power_w=_of_channel(baselines.bare, index),
        context_power_w=_of_channel(baselines.context, index),
        loaded_power_w=_of_channel(baselines.loaded, index),
        included_in_total=channel.included_in_total,
        note=channel.note,
        reason=reason,
    )


def _power_w(rest: IdlePower | None) -> float | None:
    return None if rest is None else rest.power_w


def _of_channel(rest: IdlePower | None, index: int) -> float | None:
    return None if rest is None else rest.by_channel[index]


def _used(phase: Literal["baseline_idle", "baseline_loaded"], rest: IdlePower | None) -> BaselineUsed | None:
    return None if rest is None else BaselineUsed(phase=phase, origin=rest.origin)
