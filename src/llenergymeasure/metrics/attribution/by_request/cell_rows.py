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
from llenergymeasure.metrics.attribution.phases.observations import observations
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve

NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True, eq=False)
class CellRows:
    """The cells of one channel, of all windows, as rows of a fit: arrays of shape (m,) and (m, 5)."""

    design: NDArray[np.float64]
    energy_j: NDArray[np.float64]
    deviation_j: NDArray[np.float64]
    """Standard deviation of each energy by the times of its edges."""
    late_design: NDArray[np.float64]
    """What is added to the design where the sensor's times are later by their 95 % half-width, all of them alike."""
    window: NDArray[np.intp]
    place: NDArray[np.float64]
    """Where in its window the middle of a cell lies, from 0 to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a sensor saw of a window, arrays of shape (m,): its cells, or the parts of them that its readings cover."""

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    energy_j: NDArray[np.float64]
    deviation_j: NDArray[np.float64]
    """Standard deviation of each energy by the times of its edges."""
    late_s: float
    """The usual 95 % half-width of the time of an edge; all of them may be late alike."""

    def __len__(self) -> int:
        return len(self.energy_j)


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowCells:
    """One window: its timeline, and of each included channel the cells, and what the sensor saw of them."""

    window: Phase
    timeline: Timeline
    cells: tuple[Cells, ...]
    seen: tuple[Seen, ...]

    @property
    def energy_j(self) -> float:
        """The energy of all channels."""
        return float(sum(each.energy_j.sum() for each in self.cells))


def window_cells(account: EnergyAccount, window: Phase, timeline: Timeline) -> WindowCells | str:
    """Return the cells of a window; why they are unknown, where one of a channel is."""
    found, seen = [], []
    for curve in account.included:
        cells = channel_cells(curve, window.start_unix_ns, window.end_unix_ns)
        if cells.reason is not None:
            return f"{curve.channel.label}: {cells.reason}"
        found.append(cells)
        seen.append(_seen(curve, cells, window))
    return WindowCells(window=window, timeline=timeline, cells=tuple(found), seen=tuple(seen))


def _seen(curve: EnergyCurve, cells: Cells, window: Phase) -> Seen:
    """Return the cells; of power readings that cover a part of their period (A100: 25 of 100 ms), that part alone."""
    readings = observations(curve)
    late_s = float(np.median(readings.error_s)) if readings is not None and len(readings) else 0.0
    if readings is None or readings.reason is not None or not isinstance(curve, SampledCurve):
        return Seen(
            start_ns=cells.edges_ns[:-1],
            end_ns=cells.edges_ns[1:],
            energy_j=cells.energy_j,
            deviation_j=cells.error_j / NORMAL_95,
            late_s=late_s,
        )
    start_ns, end_ns = (
        readings.origin_ns + np.rint(at_s * 1e9).astype(np.int64)
        for at_s in (readings.start_s, readings.end_s)
    )
    inside = (start_ns >= window.start_unix_ns) & (end_ns <= window.end_unix_ns)
    return Seen(
        start_ns=start_ns[inside],
        end_ns=end_ns[inside],
        energy_j=readings.energy_j[inside],
        deviation_j=readings.deviation_j[inside],
        late_s=late_s,
    )


def cell_rows(windows: Sequence[WindowCells]) -> list[CellRows]:
    """Return the rows of each channel, one below the other in the order of the windows."""
    parts = [_rows_of(number, each) for number, each in enumerate(windows)]
    return [_below_each_other(of_channel) for of_channel in zip(*parts, strict=True)]


def _rows_of(number: int, window: WindowCells) -> list[CellRows]:
    begin_ns = window.window.start_unix_ns
    length_ns = window.window.end_unix_ns - begin_ns
    late_ns = [round(each.late_s * 1e9) for each in window.seen]
    nothing = [0] * len(late_ns)
    designs, later, earlier = (
        _designs(window, shift_ns) for shift_ns in (nothing, late_ns, [-each for each in late_ns])
    )
    return [
        CellRows(
            design=design,
            energy_j=seen.energy_j,
            deviation_j=seen.deviation_j,
            late_design=(if_later - if_earlier) / 2,
            window=np.full(len(seen), number),
            place=((seen.start_ns - begin_ns) + (seen.end_ns - begin_ns)) / 2 / length_ns,
        )
        for seen, design, if_later, if_earlier in zip(window.seen, designs, later, earlier, strict=True)
    ]


def _designs(window: WindowCells, late_ns: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return what the steps amount to in the cells of each channel, were its times late by so much."""
    if not window.seen:
        return []
    at_ns = np.concatenate(
        [
            edge - late
            for each, late in zip(window.seen, late_ns, strict=True)
            for edge in (each.start_ns, each.end_ns)
        ]
    )
    timeline = window.timeline
    until = accrued(timeline.start_ns, timeline.end_ns, timeline.amounts, at_ns)
    edges = np.split(until, np.cumsum([len(each) for each in window.seen for _ in range(2)])[:-1])
    return [
        (at_end - at_start).reshape(-1, len(COSTS))
        for at_start, at_end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _below_each_other(parts: Sequence[CellRows]) -> CellRows:
    return CellRows(
        **{
            name: np.concatenate([getattr(each, name) for each in parts])
            for name in ("design", "energy_j", "deviation_j", "late_design", "window", "place")
        }
    )
