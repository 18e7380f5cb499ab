"""What each repeat cost per token: the figure by which a run decides that it is long enough."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.account import EnergyAccount


def cost_per_token(
    trace: EnergyTrace, phases: Sequence[Phase], requests: Sequence[RequestRecord]
) -> list[float]:
    """Return joules per token of each window; seconds per token where an energy is unknown."""
    windows = [phase for phase in phases if phase.name == "window"]
    account = EnergyAccount(trace)
    energies = [account.price(window).energy_j for window in windows]
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
