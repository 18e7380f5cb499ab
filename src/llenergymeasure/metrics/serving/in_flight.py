"""How many requests are in flight: due and not yet ended, whatever became of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase


def mean_in_flight(requests: RequestTable, edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean over time of the requests in flight, shape (m - 1,), between each of m edges and the next.

    A request is in flight from when it was due to when it was closed, so that one that waits at the client counts.
    """
    origin = int(edges_ns[0])
    at = (edges_ns - origin).astype(np.float64)
    spent = _since(requests.scheduled_unix_ns - origin, at) - _since(requests.closed_unix_ns - origin, at)
    means: NDArray[np.float64] = np.diff(spent) / np.diff(at)
    return means


def bin_edges(window: Phase, bins: int) -> NDArray[np.int64]:
    """Return the edges of equal bins that cover a window, shape (bins + 1,)."""
    steps = np.arange(bins + 1) * (window.end_unix_ns - window.start_unix_ns) // bins
    edges: NDArray[np.int64] = window.start_unix_ns + steps
    return edges


def counts_in(times_ns: NDArray[np.int64], edges_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of some times lie in each bin `(edge, next edge]`, shape (m - 1,)."""
    places = np.searchsorted(np.sort(times_ns), edges_ns, side="right")
    counts: NDArray[np.int64] = np.diff(places)
    return counts


def _since(moments_ns: NDArray[np.int64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the times from each of the moments that have passed until `at`, for each of `at`."""
    moments = np.sort(moments_ns).astype(np.float64)
    passed = np.searchsorted(moments, at, side="right")
    sums = np.concatenate([[0.0], np.cumsum(moments)])
    return np.asarray(passed * at - sums[passed])
