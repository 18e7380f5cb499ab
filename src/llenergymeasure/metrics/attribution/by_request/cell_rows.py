"""The cells of every included channel over the windows, with what the steps in each of them amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.attribution.accrual import accrued
from llenergymeasure.metrics.attribution.by_request.timeline import COSTS, Timeline
from llenergymeasure.metrics.attribution.cells import Cells, channel_cells
from llenergymeasure.metrics.energy.account import EnergyAccount

NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True, eq=False)
class CellRows:
    """The cells of one channel, of all windows, as rows of a fit: arrays of shape (m,) and (m, 5)."""

    design: NDArray[np.float64]
    energy_j: NDArray[np.float64]
    deviation_j: NDArray[np.float64]
    """Standard deviation of each energy by the times of its edges."""
    window: NDArray[np.intp]
    place: NDArray[np.float64]
    """Where in its window the middle of a cell lies, from 0 to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowCells:
    """One window: its timeline, and the cells of each included channel."""

    window: Phase
    timeline: Timeline
    cells: tuple[Cells, ...]

    @property
    def energy_j(self) -> float:
        """The energy of all channels."""
        return float(sum(each.energy_j.sum() for each in self.cells))


def window_cells(account: EnergyAccount, window: Phase, timeline: Timeline) -> WindowCells | str:
    """Return the cells of a window; why they are unknown, where one of a channel is."""
    found: list[Cells] = []
    for curve in account.included:
        cells = channel_cells(curve, window.start_unix_ns, window.end_unix_ns)
        if cells.reason is not None:
            return f"{curve.channel.label}: {cells.reason}"
        found.append(cells)
    return WindowCells(window=window, timeline=timeline, cells=tuple(found))


def cell_rows(windows: Sequence[WindowCells]) -> list[CellRows]:
    """Return the rows of each channel, one below the other in the order of the windows."""
    parts = [_rows_of(number, each) for number, each in enumerate(windows)]
    return [_below_each_other(of_channel) for of_channel in zip(*parts, strict=True)]


def _rows_of(number: int, window: WindowCells) -> list[CellRows]:
    timeline, edges = window.timeline, [each.edges_ns for each in window.cells]
    if not edges:
        return []
    until = accrued(timeline.start_ns, timeline.end_ns, timeline.amounts, np.concatenate(edges))
    splits = np.cumsum([len(each) for each in edges])[:-1]
    length_ns = window.window.end_unix_ns - window.window.start_unix_ns
    return [
        CellRows(
            design=np.diff(of_channel, axis=0).reshape(-1, len(COSTS)),
            energy_j=cells.energy_j,
            deviation_j=cells.error_j / NORMAL_95,
            window=np.full(len(cells), number),
            place=((cells.edges_ns[:-1] + cells.edges_ns[1:]) / 2 - window.window.start_unix_ns) / length_ns,
        )
        for cells, of_channel in zip(window.cells, np.split(until, splits), strict=True)
    ]


def _below_each_other(parts: Sequence[CellRows]) -> CellRows:
    return CellRows(
        **{
            name: np.concatenate([getattr(each, name) for each in parts])
            for name in ("design", "energy_j", "deviation_j", "window", "place")
        }
    )
