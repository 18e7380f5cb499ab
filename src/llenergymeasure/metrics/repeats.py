"""The repeats of a run as rows: interval, energy, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.account import EnergyAccount, Joules
from llenergymeasure.metrics.errors import ChannelErrors


@dataclass(frozen=True, kw_only=True)
class RepeatRow:
    """One window with everything that is counted over it."""

    window: Phase
    joules: Joules
    requests: tuple[RequestRecord, ...]
    errors: tuple[ChannelErrors, ...] = ()
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


def repeat_rows(
    account: EnergyAccount, phases: Sequence[Phase], requests: Sequence[RequestRecord]
) -> list[RepeatRow]:
    """Return a row per complete window, in order."""
    windows = [phase for phase in phases if phase.name == "window" and phase.complete]
    return [
        RepeatRow(
            window=window,
            joules=account.price(window),
            requests=tuple(request for request in requests if request.repeat == window.repeat),
            errors=account.errors(window),
        )
        for window in windows
    ]
