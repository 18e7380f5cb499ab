"""Quiet intervals of a run: nothing is served, and nothing is loaded or prepared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase, PhaseName

REST_NS = 300_000_000
"""Before each window and after it, so that a counter that ticks every 100 ms (the slowest known) has ticked twice while
nothing was served."""

QUIET_PHASES: frozenset[PhaseName] = frozenset(
    {"cooldown", "baseline_check", "baseline_idle", "baseline_context", "baseline_loaded"}
)

NONE_QUIET: NDArray[np.int64] = np.empty((0, 2), dtype=np.int64)
"""Where nothing is known of the load."""


def quiet_intervals(phases: Iterable[Phase], requests: RequestTable) -> NDArray[np.int64]:
    """Return start and end, Unix time, of each quiet interval, shape (n, 2), in time order.

    What lies between the phases is quiet, but for requests that were under way; so is the rest after the last one.
    """
    phases = list(phases)
    if not phases:
        return NONE_QUIET
    begin = min(each.start_unix_ns for each in phases)
    end = max(each.end_unix_ns for each in phases) + REST_NS
    busy = [(each.start_unix_ns, each.end_unix_ns) for each in phases if each.name not in QUIET_PHASES]
    began = np.append([start for start, _ in busy], requests.service_start_unix_ns()).astype(np.int64)
    ended = np.append([stop for _, stop in busy], requests.closed_unix_ns).astype(np.int64)
    order = np.argsort(began, kind="stable")
    starts = np.append(began[order], end)
    until = np.maximum.accumulate(np.append(begin, ended[order]))
    gaps = np.column_stack([until, np.minimum(starts, end)])
    quiet: NDArray[np.int64] = gaps[gaps[:, 1] > gaps[:, 0]]
    return quiet
