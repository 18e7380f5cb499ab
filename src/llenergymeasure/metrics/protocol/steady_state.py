"""Whether latency and power have settled, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.statistics.trend import MIN_POINTS, Trend, fit_trend

TOLERANCE = 0.05
"""A change over a window that is still called steady; cold runs read up to 30 % off."""


@dataclass(frozen=True, kw_only=True)
class BatchPoint:
    """One batch: when it ended, the time of a decoding step, and the power while it ran (None where not known)."""

    end_s: float
    step_s: float
    power_w: float | None


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """Trends of step time and power over the same batches; None where there are too few points to say."""

    latency: Trend | None
    power: Trend | None

    @property
    def is_steady(self) -> bool:
        """Whether step time, and power where it is known, are flat."""
        trends = [trend for trend in (self.latency, self.power) if trend is not None]
        return self.latency is not None and all(trend.is_flat(TOLERANCE) for trend in trends)


def batch_points(requests: Iterable[RequestRecord], account: EnergyAccount) -> list[BatchPoint]:
    """Return a point per batch, in time order; requests of one batch were sent at the same instant."""
    ordered = sorted(requests, key=lambda request: (request.sent_unix_ns or 0, request.request_id))
    batches = [list(batch) for _, batch in groupby(ordered, key=lambda request: request.sent_unix_ns)]
    return [_point(batch, account) for batch in batches]


def steadiness(points: Sequence[BatchPoint], horizon_s: float | None = None) -> Steadiness:
    """Return the trends over all points given; power over those where it is known, the last often not yet."""
    powers = [(point.end_s, point.power_w) for point in points if point.power_w is not None]
    return Steadiness(
        latency=fit_trend([point.end_s for point in points], [point.step_s for point in points], horizon_s),
        power=fit_trend([end_s for end_s, _ in powers], [power_w for _, power_w in powers], horizon_s),
    )


def settled(points: Sequence[BatchPoint], window_s: float) -> Steadiness:
    """Return the trends over the later half of the points, at least five, projected over the window to come.

    What came first is the warming up; and a drift that is slow against the warm-up may still spoil a long window.
    """
    later = points[-max(MIN_POINTS, math.ceil(len(points) / 2)) :]
    extent_s = later[-1].end_s - later[0].end_s if later else 0.0
    return steadiness(later, max(window_s, extent_s))


def _point(batch: Sequence[RequestRecord], account: EnergyAccount) -> BatchPoint:
    start_ns = batch[0].sent_unix_ns or batch[0].scheduled_unix_ns
    end_ns = max(request.closed_unix_ns for request in batch)
    interval = Phase(name="window", start_unix_ns=start_ns, end_unix_ns=end_ns)
    return BatchPoint(
        end_s=end_ns / 1e9, step_s=_step_s(batch, start_ns, end_ns), power_w=account.mean_power_w(interval)
    )


def _step_s(batch: Sequence[RequestRecord], start_ns: int, end_ns: int) -> float:
    """Return the time of a decoding step after the first token; of all steps where token times are not known.

    The prompt's share is left out, because prompts of different length would look like a change.
    """
    longest = max(batch, key=lambda request: len(request.chunk_unix_ns))
    times = longest.chunk_unix_ns
    if len(times) > 1:
        return (times[-1] - times[0]) / 1e9 / (len(times) - 1)
    steps = max(request.output_tokens for request in batch)
    return (end_ns - start_ns) / 1e9 / max(steps, 1)
