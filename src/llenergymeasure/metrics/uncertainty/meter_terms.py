"""What the meters leave open in the energy of all windows together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty
from llenergymeasure.metrics.energy.windows import WindowTotals


@dataclass(frozen=True, kw_only=True)
class MeterTerms:
    """95 % half-widths in joules, of the sum over windows and counted channels."""

    gain_j: float
    edges_j: float
    resolution_j: float
    alias_j: float | None
    """None where every channel is a counter."""

    @property
    def random_j(self) -> float:
        """All that differs from window to window, and so shows in their spread as well."""
        return math.hypot(self.edges_j, self.resolution_j, self.alias_j or 0.0)


def meter_terms(rows: Sequence[WindowTotals]) -> MeterTerms:
    """Sum up the errors of all windows: a gain has one sign in all, the others are independent."""
    return combine_errors([each for row in rows for each in row.errors])


def combine_errors(errors: Sequence[ChannelUncertainty]) -> MeterTerms:
    """Combine the errors of several channels and intervals into those of their sum."""
    return MeterTerms(
        gain_j=combine_gains((each.channel, each.gain_j) for each in errors),
        edges_j=math.hypot(*(each.edges_j for each in errors)),
        resolution_j=math.hypot(*(each.resolution_j for each in errors)),
        alias_j=math.hypot(*(each.alias_j for each in errors))
        if any(each.readings for each in errors)
        else None,
    )


def channels_of(rows: Sequence[WindowTotals]) -> list[Channel]:
    """Return the channels behind the errors, each once."""
    found: list[Channel] = []
    for row in rows:
        found += [each.channel for each in row.errors if each.channel not in found]
    return found


def combine_gains(errors: Iterable[tuple[Channel, float]]) -> float:
    """Combine systematic errors of channels: those of one source add up, different sources add in quadrature."""
    by_source: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for channel, error in errors:
        by_source[_source(channel)] += error
    return math.hypot(*by_source.values())


def _source(channel: Channel) -> tuple[str, ...]:
    """Return what a gain belongs to: a board of its own, or a model that sensors of one kind share.

    Boards differ from one another at random (Yang, Adamek, Armour, arXiv 2312.02741). Two packages of one machine have
    the same power model, or the same regulators, and err in the same direction.
    """
    return (channel.domain, channel.device) if channel.domain == "gpu" else (channel.domain, channel.meter)
