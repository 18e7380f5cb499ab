"""What the warm-up came to, from its requests and the trace."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.experiment import Change, WarmupEnd, WarmupSummary
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.protocol.steady_state import warmup_steadiness
from llenergymeasure.metrics.statistics.trend import Trend


def summarise_warmup(
    account: EnergyAccount,
    phases: Sequence[Phase],
    requests: RequestTable,
    ended_because: WarmupEnd | None,
    window_s: float,
) -> WarmupSummary | None:
    """Return how long the warm-up took and how steady its later half was; None where there was none."""
    phase = next((phase for phase in phases if phase.name == "warmup"), None)
    if phase is None or ended_because is None:
        return None
    trends = warmup_steadiness(requests, account, phase, window_s)
    return WarmupSummary(
        requests=int(requests.ended_in(phase.start_unix_ns, phase.end_unix_ns).sum()),
        duration_s=phase.duration_s,
        ended_because=ended_because,
        latency=as_change(trends.latency),
        power=as_change(trends.power),
    )


def as_change(trend: Trend | None) -> Change | None:
    """Return a trend as the result holds it."""
    if trend is None:
        return None
    return Change(change=trend.change, low=trend.low, high=trend.high, points=trend.points)
