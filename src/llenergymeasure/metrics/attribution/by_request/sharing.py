"""Energy of the intervals of a window: each cell's energy, shared by the power that a model gives them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.by_request.sums import ragged, summed
from llenergymeasure.metrics.attribution.by_request.timeline import Timeline
from llenergymeasure.metrics.attribution.cells import Cells

LEAST_POWER = 1e-3
"""Of the mean power of the window: no interval is taken to draw less, so that every cell has one to give energy to."""


def interval_energies(cells: Cells, timeline: Timeline, costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the energy of one channel over each interval of a window, shape (n,); they add up to the cells.

    The energy of a cell is divided among the intervals in it in proportion to power times overlap. The power of an
    interval is its cost by the model (`costs`, joules per amount, shape (5,)) over its duration.
    """
    lasts_s = np.maximum(timeline.end_ns - timeline.start_ns, 1) / 1e9
    whole_j = float(cells.energy_j.sum())
    least_w = LEAST_POWER * abs(whole_j) / max(float(cells.duration_s.sum()), 1e-9) or 1.0
    power_w = np.maximum(timeline.amounts @ costs / lasts_s, least_w)
    first = np.searchsorted(cells.edges_ns, timeline.start_ns, side="right") - 1
    last = np.searchsorted(cells.edges_ns, timeline.end_ns) - 1
    interval, offset = ragged(np.maximum(last - first + 1, 0))
    cell = first[interval] + offset
    start = np.maximum(timeline.start_ns[interval], cells.edges_ns[cell])
    end = np.minimum(timeline.end_ns[interval], cells.edges_ns[cell + 1])
    modelled_j = power_w[interval] * (end - start) / 1e9
    in_cell_j = summed(cell, modelled_j, len(cells))
    ratio = np.divide(cells.energy_j, in_cell_j, out=np.zeros(len(cells)), where=in_cell_j > 0)
    return summed(interval, modelled_j * ratio[cell], len(timeline))
