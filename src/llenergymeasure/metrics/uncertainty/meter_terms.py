"""The meters' contribution to the uncertainty of the energy of all windows together."""

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
    """Uncertainty terms of the sum over windows and included channels, 95 % half-widths in joules."""

    gain_j: float
    linearity_j: float | None
    """None where no channel states one."""
    linearity_alike_j: float
    """Its part that may be the same in all windows, and so does not appear in their spread."""
    edges_j: float
    edges_alike_j: float
    """Its part that may have one sign in all windows, and so does not appear in their spread."""
    resolution_j: float
    alias_j: float | None
    """None where nothing between two readings is unseen: of a counter, and of means that leave nothing out."""

    @property
    def random_j(self) -> float:
        """All terms that differ from window to window, and so appear in their spread as well."""
        linearity_j = math.sqrt(max((self.linearity_j or 0.0) ** 2 - self.linearity_alike_j**2, 0.0))
        edges_j = math.sqrt(max(self.edges_j**2 - self.edges_alike_j**2, 0.0))
        return math.hypot(linearity_j, edges_j, self.resolution_j, self.alias_j or 0.0)


def meter_terms(rows: Sequence[WindowTotals]) -> MeterTerms:
    """Combine the uncertainty of all windows: a gain has one sign in all, the other terms are independent."""
    return combine_uncertainty([each for row in rows for each in row.uncertainty])


def relative_gain(rows: Sequence[WindowTotals]) -> float:
    """Return the relative systematic error of the sensors over all windows and channels; 0 without energy."""
    energy_j = math.fsum(row.energy.energy_j or 0.0 for row in rows)
    return meter_terms(rows).gain_j / energy_j if energy_j > 0 else 0.0


def combine_uncertainty(parts: Sequence[ChannelUncertainty]) -> MeterTerms:
    """Combine the uncertainty of several channels and intervals into that of their sum."""
    alike_j = _one_sign_j((each.channel, each.edges_j) for each in parts if each.edges_alike)
    lasting_j = _one_sign_j((each.channel, each.linearity_alike_j) for each in parts)
    fleeting_j = math.hypot(*(each.linearity_j for each in parts))
    return MeterTerms(
        gain_j=combine_gains((each.channel, each.gain_j) for each in parts),
        linearity_j=math.hypot(lasting_j, fleeting_j)
        if any(each.channel.linearity or each.channel.linearity_w for each in parts)
        else None,
        linearity_alike_j=lasting_j,
        edges_j=math.hypot(alike_j, *(each.edges_j for each in parts if not each.edges_alike)),
        edges_alike_j=alike_j,
        resolution_j=math.hypot(*(each.resolution_j for each in parts)),
        alias_j=math.hypot(*(each.alias_j for each in parts))
        if any(each.alias_j for each in parts)
        else None,
    )


def _one_sign_j(errors_j: Iterable[tuple[Channel, float]]) -> float:
    """Combine errors that may be alike in all windows of a channel: they add up. Sensors err independently."""
    by_channel: defaultdict[Channel, float] = defaultdict(float)
    for channel, error_j in errors_j:
        by_channel[channel] += error_j
    return math.hypot(*by_channel.values())


def channels_of(rows: Sequence[WindowTotals]) -> list[Channel]:
    """Return the channels that contribute to the energy of the windows, each once."""
    channels: list[Channel] = []
    for row in rows:
        channels += [each.channel for each in row.uncertainty if each.channel not in channels]
    return channels


def combine_gains(errors: Iterable[tuple[Channel, float]]) -> float:
    """Combine systematic errors of channels: those of one cause add up, different causes add in quadrature.

    A board errs in part by itself and in part like all others (`Channel.error_in_common`). Two packages of one machine
    have the same power model, or the same regulators, and err in the same direction.
    """
    by_cause: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for channel, error in errors:
        is_board = channel.domain == "gpu"
        common = channel.error_in_common if is_board else 1.0
        design = (channel.domain,) if is_board else (channel.domain, channel.meter)
        by_cause[design] += error * common
        by_cause[channel.domain, channel.meter, channel.device] += error * math.sqrt(1 - common**2)
    return math.hypot(*by_cause.values())
