"""The energy account of a run that is still going on: each interval is computed once, from the samples around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty
from llenergymeasure.metrics.energy.quiet import NONE_QUIET

LEAD_NS = 10_000_000_000
"""Samples before an interval that its energy is computed from: a hundred ticks of the slowest counter known (100 ms),
which determine its update period."""


class RunningAccount:
    """Energies of the intervals of a run so far; after the run `EnergyAccount` has those of the whole trace."""

    def __init__(self) -> None:
        self._known: dict[Phase, tuple[TotalEnergy, tuple[ChannelUncertainty, ...]]] = {}

    def look(
        self,
        trace: Callable[[int], EnergyTrace],
        intervals: Sequence[Phase],
        quiet_ns: NDArray[np.int64] = NONE_QUIET,
    ) -> None:
        """Compute the energies of new intervals, in time order; `trace` returns the samples since a Unix time."""
        new = [each for each in intervals if each not in self._known]
        if not new:
            return
        account = EnergyAccount(trace(new[0].start_unix_ns - LEAD_NS), quiet_ns)
        self._known.update({each: (account.energy(each), account.uncertainty(each)) for each in new})

    def energy(self, interval: Phase) -> TotalEnergy:
        """Return the energy of an interval that was looked at, over all included channels."""
        return self._known[interval][0]

    def uncertainty(self, interval: Phase) -> tuple[ChannelUncertainty, ...]:
        """Return the uncertainty of each included channel's energy over an interval that was looked at."""
        return self._known[interval][1]
