"""The steady part of a window of served traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.breakdowns.traffic import SteadyPart, SteadyRule
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.serving.in_flight import bin_edges, counts_in, mean_in_flight
from llenergymeasure.metrics.statistics.trend import end_difference, fit_correlated_trend

BINS = 40
"""Of a window; a judgement: a ramp of a twentieth of the window is seen, and a bin still has some requests."""
SHORTEST = BINS // 2
"""Bins of the shortest stretch that stands for a window; a judgement: what is steady for less may be chance."""
FEWEST_REQUESTS = 20
"""That end in a window; of fewer nobody can tell a trend."""
TREND = 0.05
"""Relative change over a stretch that still counts as steady, as between warm-up and window."""
CONFIDENCE = 0.995
"""Of a trend: each stretch is looked at six times, and few steady windows should be cut."""
ENDS = 5
"""An end of a stretch is one of so many parts of it."""


@dataclass(frozen=True, kw_only=True)
class SteadyWindows:
    """The phases of a run with each window narrowed to its steady part, and those parts."""

    phases: tuple[Phase, ...]
    parts: tuple[SteadyPart, ...] = ()


def steady_windows(
    phases: Sequence[Phase], requests: RequestTable, batch_size: int | None = None
) -> SteadyWindows:
    """Return the phases of a run, each complete window of which is its steady part.

    `batch_size` is how many requests the engine computes together at most, where that is known.
    """
    narrowed, parts = [], []
    for phase in phases:
        if phase.name == "window" and phase.complete:
            part = steady_part(phase, requests, batch_size)
            parts.append(part)
            phase = replace(phase, start_unix_ns=part.start_unix_ns, end_unix_ns=part.end_unix_ns)
        narrowed.append(phase)
    return SteadyWindows(phases=tuple(narrowed), parts=tuple(parts))


def steady_part(window: Phase, requests: RequestTable, batch_size: int | None = None) -> SteadyPart:
    """Return the steady part of a window: where the batch is full; otherwise the longest stretch without a trend."""
    if batch_size is not None:
        full = _saturated(window, requests, batch_size)
        if full is not None:
            return _part(window, *full, rule="saturated")
    ended = int(requests.ended_in(window.start_unix_ns, window.end_unix_ns).sum())
    if ended < FEWEST_REQUESTS:
        return _part(window, window.start_unix_ns, window.end_unix_ns, rule="whole")
    edges = bin_edges(window, BINS)
    series = (mean_in_flight(requests, edges), _tokens_in(requests, edges))
    for length in range(BINS, SHORTEST - 1, -1):
        for start in range(BINS - length, -1, -1):  # ramps stand at the start more often than at the end
            if not any(_has_trend(each[start : start + length]) for each in series):
                rule: SteadyRule = "whole" if length == BINS else "no_trend"
                return _part(window, int(edges[start]), int(edges[start + length]), rule=rule)
    return _part(window, window.start_unix_ns, window.end_unix_ns, rule="none")


def _saturated(window: Phase, requests: RequestTable, batch_size: int) -> tuple[int, int] | None:
    """Return when the batch was full: from its `batch_size`-th first token to the completion that leaves as many.

    Source: ML.ENERGY benchmark 3, for N requests from the m-th first token to the (N - m - 1)-th completion. None where
    that is no stretch, or fewer were in flight in a part of it.
    """
    own = requests.select(requests.repeat == (UNKNOWN if window.repeat is None else window.repeat))
    first = np.sort(own.first_token_unix_ns[own.first_token_unix_ns != UNKNOWN])
    ended = np.sort(own.closed_unix_ns)
    if min(len(first), len(ended) - batch_size - 1) < batch_size:
        return None
    start = max(int(first[batch_size - 1]), window.start_unix_ns)
    end = min(int(ended[len(ended) - batch_size - 2]), window.end_unix_ns)
    if end <= start:
        return None
    edges = start + np.arange(BINS + 1) * (end - start) // BINS
    return (start, end) if mean_in_flight(requests, edges).min() >= batch_size else None


def _tokens_in(requests: RequestTable, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the output tokens of each bin; the requests that ended in it, where there are no tokens."""
    _, times_ns, tokens = requests.timed_tokens()
    if not len(times_ns):
        return counts_in(requests.closed_unix_ns, edges).astype(np.float64)
    order = np.argsort(times_ns, kind="stable")
    until = np.concatenate([[0], np.cumsum(tokens[order])])
    counts = np.diff(until[np.searchsorted(times_ns[order], edges, side="right")])
    return np.asarray(counts, dtype=np.float64)


def _has_trend(values: NDArray[np.float64]) -> bool:
    """Whether values change over the whole stretch, or one of its ends differs from the rest."""
    end = len(values) // ENDS
    found = (
        fit_correlated_trend(np.arange(len(values), dtype=np.float64), values, CONFIDENCE),
        end_difference(values[:end], values[end:], CONFIDENCE),
        end_difference(values[-end:], values[:-end], CONFIDENCE),
    )
    return any(each is not None and each.is_drift(TREND) for each in found)


def _part(window: Phase, start_unix_ns: int, end_unix_ns: int, *, rule: SteadyRule) -> SteadyPart:
    return SteadyPart(
        repeat=UNKNOWN if window.repeat is None else window.repeat,
        start_unix_ns=start_unix_ns,
        end_unix_ns=end_unix_ns,
        duration_s=(end_unix_ns - start_unix_ns) / 1e9,
        window_s=window.duration_s,
        rule=rule,
    )
