"""The energy account of a run: energies of its intervals, channel by channel and summed over the included channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.curve import EnergyCurve, IntervalEnergies, interval_edges
from llenergymeasure.metrics.energy.interval_uncertainty import (
    ChannelUncertainties,
    ChannelUncertainty,
    UncertaintyModel,
)
from llenergymeasure.metrics.energy.quiet import NONE_QUIET
from llenergymeasure.metrics.energy.remembered import RememberedEnergies


@dataclass(frozen=True, kw_only=True)
class TotalEnergy:
    """Energy of one interval over all included channels; None with the reason where one of them is unknown."""

    energy_j: float | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class TotalEnergies:
    """Energies of n intervals over all included channels, arrays of shape (n,); NaN with the reason where unknown."""

    energy_j: NDArray[np.float64]
    reasons: NDArray[np.object_]

    def at(self, index: int) -> TotalEnergy:
        """Return the energy of one of the intervals."""
        energy_j = float(self.energy_j[index])
        if np.isnan(energy_j):
            return TotalEnergy(energy_j=None, reason=self.reasons[index])
        return TotalEnergy(energy_j=energy_j)


class IntervalAccount(Protocol):
    """What gives the energy of single intervals of a run, with its uncertainty."""

    def energy(self, interval: Phase) -> TotalEnergy: ...

    def uncertainty(self, interval: Phase) -> tuple[ChannelUncertainty, ...]: ...


class EnergyAccount:
    """Energies of any intervals of one trace. Curves are built once, and each interval is computed once."""

    def __init__(self, trace: EnergyTrace, quiet_ns: NDArray[np.int64] = NONE_QUIET) -> None:
        """Build the curves of a trace; `quiet_ns` is what `quiet_intervals` found of the run, or of a part of it."""
        self.trace = trace
        self.curves: tuple[EnergyCurve, ...] = build_curves(trace, quiet_ns)
        self._remembered = RememberedEnergies(self.curves)
        self._models = [
            UncertaintyModel(curve=curve, samples=trace.of(index)) for index, curve in enumerate(self.curves)
        ]

    @property
    def included(self) -> tuple[EnergyCurve, ...]:
        """The curves of the channels that are included in totals."""
        return tuple(self.curves[index] for index in self._included)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the trace, in its order."""
        return tuple(curve.channel for curve in self.curves)

    def energy(self, interval: Phase) -> TotalEnergy:
        """Return the energy of one interval over all included channels."""
        return self.total_energies(*interval_edges([interval])).at(0)

    def uncertainty(self, interval: Phase) -> tuple[ChannelUncertainty, ...]:
        """Return the uncertainty of each included channel's energy; without those whose energy is unknown."""
        channels = (each.at(0) for each in self.uncertainties(*interval_edges([interval])))
        return tuple(each for each in channels if each is not None)

    def mean_power_w(self, interval: Phase | None) -> float | None:
        """Return the mean power of an interval over all included channels; None where it is unknown."""
        if interval is None or interval.duration_s <= 0:
            return None
        energy_j = self.energy(interval).energy_j
        return None if energy_j is None else energy_j / interval.duration_s

    def channel_energies(self, index: int, intervals: Sequence[Phase]) -> IntervalEnergies:
        """Return the energies of one channel, given by its index in the trace, over several intervals."""
        return self.energies(*interval_edges(intervals))[index]

    def energies(
        self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> tuple[IntervalEnergies, ...]:
        """Return the energies of each channel of the trace over the intervals `[start_ns, end_ns)`, Unix time."""
        return tuple(self._remembered.of(start_ns, end_ns))

    def total_energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> TotalEnergies:
        """Return the energies of the intervals `[start_ns, end_ns)` over all included channels."""
        if not self._included:
            nothing = np.full(len(start_ns), "no energy source was read", dtype=object)
            return TotalEnergies(energy_j=np.full(len(start_ns), np.nan), reasons=nothing)
        energies = self._remembered.of(start_ns, end_ns)
        reasons = np.full(len(start_ns), None, dtype=object)
        for index in reversed(self._included):
            label = self.curves[index].channel.label
            for at in np.flatnonzero(np.isnan(energies[index].energy_j)):
                reasons[at] = f"{label}: {energies[index].reasons[at]}"
        return TotalEnergies(
            energy_j=np.sum([energies[index].energy_j for index in self._included], axis=0), reasons=reasons
        )

    def uncertainties(
        self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> tuple[ChannelUncertainties, ...]:
        """Return the uncertainty of each included channel's energy over the intervals `[start_ns, end_ns)`."""
        energies = self._remembered.of(start_ns, end_ns)
        return tuple(self._models[index].of(energies[index], start_ns, end_ns) for index in self._included)

    @property
    def _included(self) -> list[int]:
        return [index for index, curve in enumerate(self.curves) if curve.channel.included_in_total]
