"""Whether a load was more than could be served: requests in flight and time to first token both grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.latency import ttft_s
from llenergymeasure.metrics.serving.in_flight import bin_edges, counts_in
from llenergymeasure.metrics.statistics.student import mean_half_width
from llenergymeasure.metrics.statistics.trend import MIN_POINTS

BINS = 20
"""Of a window."""
LATENCY_GROWTH = 0.1
"""Relative growth of the latency over a window from which it counts; a judgement: less is no queue that fills up."""
CHANCE = 2.0
"""Standard errors within which a slope may be chance."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How requests in flight and latency changed within some windows."""

    in_flight_per_s: Estimate | None
    """Requests that became due less those that ended, per second; None without windows."""
    latency: float | None
    """Relative change of the latency over a window; None with too few requests."""
    latency_grows: bool
    """Whether that is more than chance and more than `LATENCY_GROWTH`."""

    @property
    def is_over_saturated(self) -> bool:
        """Whether both grow, beyond chance."""
        flow = self.in_flight_per_s
        grows = flow is not None and flow.low is not None and flow.low > 0
        return grows and self.latency_grows


def growth(requests: RequestTable, windows: Sequence[Phase]) -> Growth:
    """Return how requests in flight and latency grew within windows.

    The flow into the queue has an interval from its bins. In a steady state what comes in one bin goes in a later one,
    so the bins cancel each other and the interval is too wide; in an over-saturated one they are independent.
    """
    latency, latency_grows = _latency_growth(requests, windows)
    return Growth(in_flight_per_s=_net_flow(requests, windows), latency=latency, latency_grows=latency_grows)


def _net_flow(requests: RequestTable, windows: Sequence[Phase]) -> Estimate | None:
    rates: list[float] = []
    for window in windows:
        edges = bin_edges(window, BINS)
        net = counts_in(requests.scheduled_unix_ns, edges) - counts_in(requests.closed_unix_ns, edges)
        rates += (net / (np.diff(edges) / 1e9)).tolist()
    half = mean_half_width(rates)
    if half is None:
        return None
    value = math.fsum(rates) / len(rates)
    return Estimate(value=value, low=value - half, high=value + half, unit="requests/s", method="derived")


def _latency_growth(requests: RequestTable, windows: Sequence[Phase]) -> tuple[float | None, bool]:
    """Return the common slope of the latency over the windows, relative, and whether it counts as growth."""
    latency = _latency_s(requests)
    times, values = [np.empty(0)], [np.empty(0)]
    for window in windows:
        due = (requests.scheduled_unix_ns >= window.start_unix_ns) & (
            requests.scheduled_unix_ns < window.end_unix_ns
        )
        kept = due & np.isfinite(latency)
        if kept.sum() >= MIN_POINTS and window.duration_s > 0:
            at = (requests.scheduled_unix_ns[kept] - window.start_unix_ns) / 1e9 / window.duration_s
            times.append(at - at.mean())
            values.append(latency[kept] / latency[kept].mean() - 1)
    time, value = np.concatenate(times), np.concatenate(values)
    spread = float(time @ time)
    if not spread:
        return None, False
    slope = float(time @ value) / spread
    error = float(np.std(value - slope * time)) / math.sqrt(spread)
    return slope, slope > max(LATENCY_GROWTH, CHANCE * error)


def _latency_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time to first token; of a backend that reports none, the time of the whole request."""
    found = ttft_s(requests)
    if np.isfinite(found).any():
        return found
    whole: NDArray[np.float64] = (requests.closed_unix_ns - requests.scheduled_unix_ns) / 1e9
    return whole
