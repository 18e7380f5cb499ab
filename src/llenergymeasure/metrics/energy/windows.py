"""The repeats of a run as rows: interval, energy, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty


@dataclass(frozen=True, kw_only=True)
class WindowTotals:
    """One window with everything that is counted over it."""

    window: Phase
    energy: TotalEnergy
    requests: tuple[RequestRecord, ...]
    errors: tuple[ChannelUncertainty, ...] = ()
    """What each counted channel leaves open."""

    @property
    def duration_s(self) -> float:
        return self.window.duration_s

    @property
    def input_tokens(self) -> int:
        return sum(request.prompt_tokens for request in self.requests)

    @property
    def output_tokens(self) -> int:
        return sum(request.output_tokens for request in self.requests)

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def window_totals(
    account: EnergyAccount, phases: Sequence[Phase], requests: Sequence[RequestRecord]
) -> list[WindowTotals]:
    """Return a row per complete window, in order."""
    windows = [phase for phase in phases if phase.name == "window" and phase.complete]
    return [
        WindowTotals(
            window=window,
            energy=account.energy(window),
            requests=tuple(request for request in requests if request.repeat == window.repeat),
            errors=account.errors(window),
        )
        for window in windows
    ]


def cost_per_token(
    trace: EnergyTrace, phases: Sequence[Phase], requests: Sequence[RequestRecord]
) -> list[float]:
    """Return joules per token of each window; seconds per token where an energy is unknown."""
    windows = [phase for phase in phases if phase.name == "window"]
    account = EnergyAccount(trace)
    energies = [account.energy(window).energy_j for window in windows]
    known = [energy for energy in energies if energy is not None]
    costs = known if len(known) == len(windows) else [window.duration_s for window in windows]
    tokens = [_tokens(window, requests) for window in windows]
    return [cost / count for cost, count in zip(costs, tokens, strict=True) if count]


def _tokens(window: Phase, requests: Sequence[RequestRecord]) -> int:
    return sum(
        request.prompt_tokens + request.output_tokens
        for request in requests
        if request.repeat == window.repeat
    )
