"""The part of a load step in which the load, the clocks and the averaging of sensors have settled."""

from __future__ import annotations

from llenergymeasure.domain.calibration import LoadStep
from llenergymeasure.metrics.energy.curve import EnergyCurve

SETTLE_S = 1.5
"""The longest averaging window known, a second (arXiv 2312.02741), and as long again as power takes to rise."""
EDGE_S = 0.1
"""Left out before the end: the load may end a kernel early."""


def settled(step: LoadStep) -> tuple[int, int]:
    """Return start and end, in Unix time, of the settled part; of a short step its second half."""
    length_ns = step.end_unix_ns - step.start_unix_ns
    return (
        step.start_unix_ns + min(round(SETTLE_S * 1e9), length_ns // 2),
        step.end_unix_ns - min(round(EDGE_S * 1e9), length_ns // 10),
    )


def mean_power_w(curve: EnergyCurve, step: LoadStep) -> float | None:
    """Return the mean power over the settled part of a step; None where the energy is not known."""
    start_ns, end_ns = settled(step)
    energy_j = curve.between(start_ns, end_ns).energy_j
    return None if energy_j is None else energy_j / ((end_ns - start_ns) / 1e9)
