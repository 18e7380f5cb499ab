"""The settled interval of a load step: load, clocks and the averaging of sensors have become constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.calibration import LoadStep
from llenergymeasure.metrics.energy.curve import EnergyCurve

SETTLE_S = 1.5
"""The longest averaging window known, a second (arXiv 2312.02741), and as long again as power takes to rise."""
EDGE_S = 0.1
"""Left out before the end: the load may end a kernel early."""


@dataclass(frozen=True, kw_only=True)
class MeanPowers:
    """Mean power of load steps, array of shape (n,); NaN where unknown, and `reason` is that of the first of these."""

    power_w: NDArray[np.float64]
    reason: str | None


def settled_interval(step: LoadStep) -> tuple[int, int]:
    """Return start and end, in Unix time, of the settled part; of a short step its second half."""
    length_ns = step.end_unix_ns - step.start_unix_ns
    return (
        step.start_unix_ns + min(round(SETTLE_S * 1e9), length_ns // 2),
        step.end_unix_ns - min(round(EDGE_S * 1e9), length_ns // 10),
    )


def mean_powers_w(curve: EnergyCurve, steps: Sequence[LoadStep]) -> MeanPowers:
    """Return the mean power over the settled part of each step."""
    edges_ns = np.array([settled_interval(step) for step in steps], dtype=np.int64).reshape(-1, 2)
    energies = curve.energies(edges_ns[:, 0], edges_ns[:, 1])
    return MeanPowers(
        power_w=energies.energy_j / ((edges_ns[:, 1] - edges_ns[:, 0]) / 1e9), reason=energies.reason
    )
