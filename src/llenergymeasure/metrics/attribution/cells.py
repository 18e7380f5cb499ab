"""Energy of one channel, cell by cell: the shortest intervals that its sensor resolves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.energy.curve import EnergyCurve


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Energies `energy_j` of m adjoining intervals between the m + 1 `edges_ns` (Unix time) of one channel.

    An inner edge is a tick of the counter or an update of the power reading. `error_j` is the 95 % half-width of each
    energy by the times of its two edges; neighbours share an edge, so a part of their errors is opposite. All are
    empty where the energy of a cell is unknown, and `reason` says why.
    """

    edges_ns: NDArray[np.int64]
    energy_j: NDArray[np.float64]
    error_j: NDArray[np.float64]
    reason: str | None = None

    def __len__(self) -> int:
        return len(self.energy_j)

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """The duration of each cell, shape (m,)."""
        duration_s: NDArray[np.float64] = np.diff(self.edges_ns) / 1e9
        return duration_s


def channel_cells(curve: EnergyCurve, start_ns: int, end_ns: int) -> Cells:
    """Return the cells of a channel from `start_ns` to `end_ns`; they add up to its energy of that interval.

    The first and the last one may be a part of a tick interval: their outer edges are interpolated.
    """
    inner_ns = curve.edges_ns
    inner_ns = inner_ns[(inner_ns > start_ns) & (inner_ns < end_ns)]
    edges_ns = np.unique(np.concatenate([[start_ns], inner_ns, [end_ns]]).astype(np.int64))
    energies = curve.energies(edges_ns[:-1], edges_ns[1:])
    if energies.reason is not None:
        nothing = np.empty(0)
        return Cells(
            edges_ns=np.empty(0, dtype=np.int64), energy_j=nothing, error_j=nothing, reason=energies.reason
        )
    return Cells(edges_ns=edges_ns, energy_j=energies.energy_j, error_j=energies.random_error_j)
