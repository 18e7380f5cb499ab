"""Energy split by device, with the idle machine beside it."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.experiment import DeviceEnergy, EnergyBreakdown
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.account import EnergyAccount, curve_energy_j
from llenergymeasure.metrics.energy import EnergyCurve

_WEAKEST_FIRST: tuple[Method, ...] = ("estimated", "sampled", "counter")


def energy_method(account: EnergyAccount) -> Method | None:
    """Return the weakest method among the counted channels: a sum is no better than its worst part."""
    methods = {curve.method for curve in account.counted}
    return next((method for method in _WEAKEST_FIRST if method in methods), None)


def energy_breakdown(account: EnergyAccount, phases: Sequence[Phase]) -> EnergyBreakdown:
    """Return what each device drew over the complete windows, and the machine at rest.

    Net energy is gross energy less idle power times window time; its sign is kept.
    """
    windows = [phase for phase in phases if phase.name == "window" and phase.complete]
    idle, loaded, load = (_only(phases, name) for name in ("baseline_idle", "baseline_loaded", "load"))
    gross = [account.price(window).energy_j for window in windows]
    known = [energy for energy in gross if energy is not None]
    idle_power_w = account.mean_power_w(idle)
    net = None
    if idle_power_w is not None and known and len(known) == len(windows):
        net = sum(known) - idle_power_w * sum(window.duration_s for window in windows)
    return EnergyBreakdown(
        method=energy_method(account),
        by_device=tuple(_device(curve, windows, idle, loaded) for curve in account.curves),
        idle_power_w=idle_power_w,
        loaded_power_w=account.mean_power_w(loaded),
        net_energy_j=net,
        load_energy_j=None if load is None else account.price(load).energy_j,
    )


def _only(phases: Sequence[Phase], name: str) -> Phase | None:
    return next((phase for phase in phases if phase.name == name and phase.complete), None)


def _device(
    curve: EnergyCurve, windows: Sequence[Phase], idle: Phase | None, loaded: Phase | None
) -> DeviceEnergy:
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
        idle_power_w=_mean_power_w(curve, idle),
        loaded_power_w=_mean_power_w(curve, loaded),
        counted=channel.counted,
        note=channel.note,
        reason=reason,
    )


def _mean_power_w(curve: EnergyCurve, phase: Phase | None) -> float | None:
    if phase is None or phase.duration_s <= 0:
        return None
    energy_j, _ = curve_energy_j(curve, [phase])
    return None if energy_j is None else energy_j / phase.duration_s
