"""Energy less what the machine draws at rest anyway: net of the bare machine, marginal to a loaded one."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.idle_power import TOO_SHORT, Baselines, IdlePower
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.uncertainty.budget import Series, Subtracted, energy_budget
from llenergymeasure.metrics.uncertainty.remedies import halve_baseline


def net_budgets(rows: Sequence[WindowTotals], baselines: Baselines) -> dict[str, UncertaintyBudget]:
    """Return `net_energy_j` and `marginal_energy_j`, each where its baseline and all windows' energies are known."""
    named = (("net_energy_j", baselines.bare, "idle_s"), ("marginal_energy_j", baselines.loaded, "loaded_s"))
    found = {figure: _less(figure, rows, rest, setting) for figure, rest, setting in named}
    return {figure: budget for figure, budget in found.items() if budget is not None}


def _less(
    figure: str, rows: Sequence[WindowTotals], rest: IdlePower | None, setting: str
) -> UncertaintyBudget | None:
    """Return gross energy less a power at rest over the windows; its sign is kept.

    The gain of the gross energy counts whole. Both powers come from one sensor, so an error of its gain would cancel in
    part. It is not made to: at rest a sensor's error is an offset rather than a gain (a specified ±5 W is 12 % of 40 W,
    and 1.7 % of 300 W). One power is subtracted from every window, so its own error adds up.
    """
    if rest is None or rest.power_w is None or not rows:
        return None
    energies = [row.energy.energy_j for row in rows]
    known = [energy for energy in energies if energy is not None]
    if len(known) < len(rows):
        return None
    less = [energy - rest.power_w * row.duration_s for energy, row in zip(known, rows, strict=True)]
    series = Series(figure=figure, unit="J", numerators=less, denominators=[1 / len(rows)] * len(rows))
    subtracted = Subtracted(
        power_w=rest.power_w,
        half_width_w=rest.half_width_w,
        remedy=halve_baseline(rest.duration_s, setting),
        reason=TOO_SHORT if rest.half_width_w is None else None,
    )
    return energy_budget(series, rows, subtracted)
