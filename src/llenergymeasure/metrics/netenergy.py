"""Energy less what the machine draws at rest anyway: net of the bare machine, marginal to a loaded one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.metrics.baselines import TOO_SHORT, Baselines, Rest
from llenergymeasure.metrics.repeats import RepeatRow
from llenergymeasure.metrics.uncertainty import energy_half_width_j, total_estimate


def net_estimates(
    rows: Sequence[RepeatRow], baselines: Baselines, method: Method | None
) -> dict[str, Estimate]:
    """Return `net_energy_j` and `marginal_energy_j`, each where its baseline and all windows' energies are known."""
    named = {"net_energy_j": baselines.bare, "marginal_energy_j": baselines.loaded}
    found = {name: _less(rows, rest, method) for name, rest in named.items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _less(rows: Sequence[RepeatRow], rest: Rest | None, method: Method | None) -> Estimate | None:
    """Return gross energy less a power at rest over the windows; its sign is kept.

    The interval has, in quadrature, the spread of the windows, the whole fixed error of the gross energy, and the
    half-width of the power at rest times the time: one power is subtracted from every window, so that error adds up.
    Both powers come from one sensor, so an error of its gain would cancel in part. It is not made to: at rest a
    sensor's error is an offset rather than a gain (a specified ±5 W is 12 % of 40 W, and 1.7 % of 300 W).
    """
    if rest is None or rest.power_w is None or method is None or not rows:
        return None
    energies = [row.joules.energy_j for row in rows]
    known = [energy for energy in energies if energy is not None]
    if len(known) < len(rows):
        return None
    less = [energy - rest.power_w * row.duration_s for energy, row in zip(known, rows, strict=True)]
    if rest.half_width_w is None:
        return Estimate(value=math.fsum(less), unit="J", method=method, reason=TOO_SHORT)
    rest_j = rest.half_width_w * sum(row.duration_s for row in rows)
    fixed_j = math.hypot(energy_half_width_j(rows), rest_j)
    return total_estimate(less, unit="J", method=method, fixed=fixed_j)
