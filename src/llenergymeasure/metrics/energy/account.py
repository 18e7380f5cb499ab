"""The energy of a run's intervals, channel by channel and summed over what is counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase
from llenergymeasure.metrics.energy.build import EnergyCurve, build_curves
from llenergymeasure.metrics.energy.interval_uncertainty import (
    ChannelUncertainty,
    channel_uncertainty,
    reading_step,
)


@dataclass(frozen=True, kw_only=True)
class TotalEnergy:
    """Energy of one interval over all counted channels; None with the reason where one of them is unknown."""

    energy_j: float | None
    reason: str | None = None


class EnergyAccount:
    """Prices intervals from one trace; curves are built once."""

    def __init__(self, trace: EnergyTrace) -> None:
        self.curves: tuple[EnergyCurve, ...] = build_curves(trace)
        self.trace = trace
        self._steps: dict[int, float] = {}

    @property
    def included(self) -> tuple[EnergyCurve, ...]:
        return tuple(curve for curve in self.curves if curve.channel.included_in_total)

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(curve.channel for curve in self.curves)

    def energy(self, phase: Phase) -> TotalEnergy:
        """Return the energy of one phase over all counted channels."""
        if not self.included:
            return TotalEnergy(energy_j=None, reason="no energy source was read")
        parts = [curve.between(phase.start_unix_ns, phase.end_unix_ns) for curve in self.included]
        for curve, part in zip(self.included, parts, strict=True):
            if part.energy_j is None:
                return TotalEnergy(energy_j=None, reason=f"{curve.channel.label}: {part.reason}")
        return TotalEnergy(energy_j=math.fsum(part.energy_j for part in parts if part.energy_j is not None))

    def errors(self, phase: Phase) -> tuple[ChannelUncertainty, ...]:
        """Return what each counted channel leaves open over a phase; without those whose energy is unknown."""
        counted = [index for index, channel in enumerate(self.channels) if channel.included_in_total]
        found = (self._errors(index, phase) for index in counted)
        return tuple(each for each in found if each is not None)

    def mean_power_w(self, phase: Phase | None) -> float | None:
        """Return the mean power of a phase over all counted channels; None where it is not known."""
        if phase is None or phase.duration_s <= 0:
            return None
        energy_j = self.energy(phase).energy_j
        return None if energy_j is None else energy_j / phase.duration_s

    def _errors(self, index: int, phase: Phase) -> ChannelUncertainty | None:
        curve = self.curves[index]
        samples = self.trace.of(index)
        if index not in self._steps:  # the same for every window
            self._steps[index] = reading_step(curve, samples)
        return channel_uncertainty(curve, samples, self._steps[index], phase)


def curve_energy_j(curve: EnergyCurve, phases: Sequence[Phase]) -> tuple[float | None, str | None]:
    """Return one channel's energy over several phases, or None and why."""
    total = 0.0
    for phase in phases:
        part = curve.between(phase.start_unix_ns, phase.end_unix_ns)
        if part.energy_j is None:
            return None, part.reason
        total += part.energy_j
    return total, None
