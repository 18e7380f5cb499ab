"""Whether the client of a load with times of its own sent the requests when they were due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.trace import Phase

LEAST_LIMIT_S = 0.002
"""A timer of the operating system is a millisecond late; a lateness of two is of no user's concern."""
OF_TTFT = 0.05
"""Of the median time to first token: what lateness may add to it."""


@dataclass(frozen=True, kw_only=True)
class ClientLateness:
    """How late the requests that were due in some windows were sent."""

    due: int
    sent: int
    """Of them, sent by the end of their window; what waits for a free place is not counted as due."""
    late_fraction: float
    """Of those that were due: sent later than the limit, or not at all."""
    p99_s: float
    """Lateness of which 99 % stay below; infinite where more than that were never sent."""
    limit_s: float

    @property
    def missing_fraction(self) -> float:
        """By how much the rate fell short of the one that was asked for."""
        return 1 - self.sent / self.due


def client_lateness(
    requests: RequestTable, windows: Sequence[Phase], max_in_flight: int | None = None
) -> ClientLateness | None:
    """Return how late the client was in these windows; None where nothing was due in them.

    With `max_in_flight`, a request is late from when it was due and had a place.
    """
    limit_s = _limit_s(requests, windows)
    ready_ns = _ready_ns(requests, max_in_flight)
    lateness_s, is_sent = [], []
    for window in windows:
        due = (ready_ns >= window.start_unix_ns) & (ready_ns < window.end_unix_ns)
        sent_ns = requests.sent_unix_ns[due]
        known = sent_ns != UNKNOWN
        lateness_s.append(np.where(known, (sent_ns - ready_ns[due]) / 1e9, np.inf))
        is_sent.append(known & (sent_ns <= window.end_unix_ns + limit_s * 1e9))
    late_s = np.concatenate([np.empty(0), *lateness_s])
    if not len(late_s):
        return None
    return ClientLateness(
        due=len(late_s),
        sent=int(np.concatenate(is_sent).sum()),
        late_fraction=float((late_s > limit_s).mean()),
        p99_s=float(np.sort(late_s)[min(len(late_s) * 99 // 100, len(late_s) - 1)]),
        limit_s=limit_s,
    )


def _limit_s(requests: RequestTable, windows: Sequence[Phase]) -> float:
    """Return the largest lateness that hardly changes what is measured; of the time to first token as the server has
    it, which the lateness is no part of.
    """
    known = (requests.first_token_unix_ns != UNKNOWN) & (requests.sent_unix_ns != UNKNOWN)
    inside = np.zeros(len(requests), dtype=bool)
    for window in windows:
        inside |= requests.ended_in(window.start_unix_ns, window.end_unix_ns)
    ttft_s = (requests.first_token_unix_ns - requests.sent_unix_ns)[known & inside] / 1e9
    return max(LEAST_LIMIT_S, OF_TTFT * float(np.median(ttft_s))) if len(ttft_s) else LEAST_LIMIT_S


def _ready_ns(requests: RequestTable, max_in_flight: int | None) -> NDArray[Any]:
    """Return when each request was due and had a place; one that never had one was never ready."""
    scheduled = requests.scheduled_unix_ns
    if max_in_flight is None:
        return scheduled
    ready = np.full(len(requests), np.iinfo(np.int64).max, dtype=np.int64)
    sent = np.flatnonzero(requests.sent_unix_ns != UNKNOWN)
    order = sent[np.argsort(requests.sent_unix_ns[sent], kind="stable")]
    free = np.zeros(len(order), dtype=np.int64)
    free[max_in_flight:] = np.sort(requests.closed_unix_ns[order])[: max(len(order) - max_in_flight, 0)]
    ready[order] = np.maximum(scheduled[order], free)
    return ready
