"""The energy of each request: steps by the trace, requests by their marginal cost in each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase, complete_windows
from llenergymeasure.metrics.attribution.by_request.cell_rows import (
    CellRows,
    WindowCells,
    cell_rows,
    window_cells,
)
from llenergymeasure.metrics.attribution.by_request.participation import Participation, find_participation
from llenergymeasure.metrics.attribution.by_request.request_energies import (
    StepShares,
    WindowEnergies,
    step_shares,
    window_energies,
)
from llenergymeasure.metrics.attribution.by_request.sharing import interval_energies
from llenergymeasure.metrics.attribution.by_request.step_cost import StepCosts, fit_step_costs
from llenergymeasure.metrics.attribution.by_request.timeline import IDLE_S, flights, window_timeline
from llenergymeasure.metrics.energy.account import EnergyAccount

NO_STEPS = "the backend reports no steps"
LITTLE_IDLE = 0.05
"""Share of the windows outside of steps below which the idle power is taken from the idle baseline as well."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """The energy of the windows by request, and the model behind it."""

    energies: tuple[WindowEnergies, ...]
    """One for each window."""
    costs: StepCosts
    windows: tuple[WindowCells, ...]
    rows: tuple[CellRows, ...]
    """Of each channel: those of the windows, then those of the idle baseline where it was used."""
    participation: Participation
    shares: StepShares
    requests: RequestTable

    @cached_property
    def is_whole(self) -> NDArray[np.bool_]:
        """Which requests were answered, and scheduled and ended in one of the windows."""
        inside = np.zeros(len(self.requests), dtype=bool)
        for each in self.windows:
            inside |= self.requests.lies_within(each.window.start_unix_ns, each.window.end_unix_ns)
        return inside & self.requests.is_ok()


def attribute(
    account: EnergyAccount,
    phases: Sequence[Phase],
    requests: RequestTable,
    steps: StepTable | None,
    no_steps: str = NO_STEPS,
) -> Attribution | str:
    """Share the energy of the complete windows among their requests; why that cannot be done, where it cannot.

    `no_steps` is the reason where there are no steps.
    """
    windows = complete_windows(phases)
    if steps is None:
        return no_steps
    if not windows:
        return "no window was completed"
    if not account.included:
        return "no energy source was read"
    in_flight = flights(requests)
    found: list[WindowCells] = []
    for window in windows:
        cells = window_cells(account, window, window_timeline(window, steps, in_flight))
        if isinstance(cells, str):
            return cells
        found.append(cells)
    if not any((each.timeline.step >= 0).any() for each in found):
        return "no step was reported in the windows"
    rows = cell_rows([*found, *_idle_cells(account, phases, found)])
    costs = fit_step_costs(rows, len(found))
    participation = find_participation(steps, requests)
    shares = step_shares(participation, len(steps), costs.total)
    energies = [
        window_energies(each.window, requests, participation, shares, each.timeline, _energies(each, costs))
        for each in found
    ]
    return Attribution(
        energies=tuple(energies),
        costs=costs,
        windows=tuple(found),
        rows=tuple(rows),
        participation=participation,
        shares=shares,
        requests=requests,
    )


def _idle_cells(
    account: EnergyAccount, phases: Sequence[Phase], windows: Sequence[WindowCells]
) -> list[WindowCells]:
    """Return the cells of the idle baseline with the model loaded, where the windows have too little idle time."""
    outside_s = sum(float(each.timeline.amounts[:, IDLE_S].sum()) for each in windows)
    duration_s = sum(each.window.duration_s for each in windows)
    idle = next((each for each in phases if each.name == "baseline_loaded" and each.complete), None)
    if idle is None or idle.duration_s <= 0 or outside_s > LITTLE_IDLE * duration_s:
        return []
    nothing = np.empty((0, 2), dtype=np.int64)
    cells = window_cells(account, idle, window_timeline(idle, StepTable.empty(), nothing))
    return [] if isinstance(cells, str) else [cells]


def _energies(window: WindowCells, costs: StepCosts) -> NDArray[np.float64]:
    """Return the energy of each interval of a window, over all channels."""
    energy_j = np.zeros(len(window.timeline))
    for cells, fit in zip(window.cells, costs.by_channel, strict=True):
        energy_j += interval_energies(cells, window.timeline, fit.coefficients)
    return energy_j
