"""Totals of each measured window: interval, energy, tokens, requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase, complete_windows
from llenergymeasure.metrics.energy.account import IntervalAccount, TotalEnergy
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty


@dataclass(frozen=True, kw_only=True)
class WindowTotals:
    """One window with everything that is counted over it.

    Tokens belong to the window by their own times, a request to the window in which it ends.
    """

    window: Phase
    energy: TotalEnergy
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int | None = None
    """Of the input tokens, those that came from a prefix cache; None where a request does not say."""
    served: RequestTable = field(default_factory=RequestTable.empty)
    """Requests that were answered and ended in the window; figures per request count these."""
    failed: RequestTable = field(default_factory=RequestTable.empty)
    """Requests that ended in the window without an answer."""
    cut_off: int = 0
    """How many requests were under way at an edge of the window; latency leaves them out."""
    uncertainty: tuple[ChannelUncertainty, ...] = ()
    """Uncertainty of the energy of each included channel."""

    @property
    def duration_s(self) -> float:
        return self.window.duration_s

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @cached_property
    def whole(self) -> RequestTable:
        """Answered requests that were scheduled and ended in the window: those that latency looks at."""
        return self._begun_inside(self.served)

    @cached_property
    def whole_failed(self) -> RequestTable:
        """Requests that were scheduled in the window and ended in it without an answer."""
        return self._begun_inside(self.failed)

    def _begun_inside(self, requests: RequestTable) -> RequestTable:
        return requests.select(requests.scheduled_unix_ns >= self.window.start_unix_ns)


def window_totals(
    account: IntervalAccount, phases: Sequence[Phase], requests: RequestTable
) -> list[WindowTotals]:
    """Return the totals of each complete window, in order."""
    return [_totals(account, window, requests) for window in complete_windows(phases)]


def cost_per_token(rows: Sequence[WindowTotals]) -> list[float]:
    """Return joules per token of each window that has tokens; seconds per token where an energy is unknown."""
    energies = [row.energy.energy_j for row in rows]
    known = [energy for energy in energies if energy is not None]
    costs = known if len(known) == len(rows) else [row.duration_s for row in rows]
    return [cost / row.total_tokens for cost, row in zip(costs, rows, strict=True) if row.total_tokens]


def _totals(account: IntervalAccount, window: Phase, requests: RequestTable) -> WindowTotals:
    interval = window.start_unix_ns, window.end_unix_ns
    input_tokens, output_tokens = _tokens(window, requests)
    ended, ok = requests.ended_in(*interval), requests.is_ok()
    return WindowTotals(
        window=window,
        energy=account.energy(window),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=requests.cached_prompt_tokens_in(*interval),
        served=requests.select(ended & ok),
        failed=requests.select(ended & ~ok),
        cut_off=int(requests.is_cut_by(*interval).sum()),
        uncertainty=account.uncertainty(window),
    )


def _tokens(window: Phase, requests: RequestTable) -> tuple[int, int]:
    interval = window.start_unix_ns, window.end_unix_ns
    return requests.prompt_tokens_in(*interval), requests.output_tokens_in(*interval)
