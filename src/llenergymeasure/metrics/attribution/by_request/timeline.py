"""A window as intervals: its steps, and what lies between them, idle or in flight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.attribution.by_request.sums import ragged

IDLE, OVERHEAD = -1, -2
"""In place of the index of a step: no request is in flight; one is, and no step computes."""

COSTS: tuple[str, ...] = ("step", "prefill_token", "decode_token", "context_token", "idle_s")
"""What the cost of an interval is linear in: the columns of `Timeline.amounts`."""
STEP, PREFILL, DECODE, CONTEXT, IDLE_S = range(len(COSTS))


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """Intervals that cover a window: the parts of steps that lie in it, and the time outside of steps.

    Arrays of shape (n,), `amounts` of shape (n, 5). Steps of several engines may overlap; the others never do.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    step: NDArray[np.intp]
    """Index into the table of steps; `IDLE` or `OVERHEAD` outside of steps."""
    fraction: NDArray[np.float64]
    """How much of a step lies in the window; 1 outside of steps."""
    amounts: NDArray[np.float64]
    """What the interval costs are linear in, as `COSTS` names it, of this part of the step."""

    def __len__(self) -> int:
        return len(self.step)


def step_amounts(steps: StepTable) -> NDArray[np.float64]:
    """Return the amounts of whole steps, shape (n, 5)."""
    counts = (steps.prefill_tokens, steps.decode_tokens, steps.context_tokens)
    return np.stack([np.ones(len(steps)), *counts, np.zeros(len(steps))], axis=1).astype(float)


def window_timeline(window: Phase, steps: StepTable, flights_ns: NDArray[np.int64]) -> Timeline:
    """Return the timeline of a window; `flights_ns`, from `disjoint`, is when requests were in flight."""
    begin, end = window.start_unix_ns, window.end_unix_ns
    index = np.flatnonzero(steps.overlaps(begin, end))
    whole_start, whole_end = steps.start_unix_ns[index], steps.end_unix_ns[index]
    start, stop = np.maximum(whole_start, begin), np.minimum(whole_end, end)
    fraction = (stop - start) / np.maximum(whole_end - whole_start, 1)
    outside = _gaps(disjoint(start, stop), begin, end)
    in_flight = _common(outside, flights_ns)
    idle = _common(outside, _gaps(_common(flights_ns, np.array([[begin, end]])), begin, end))
    gaps = np.concatenate([in_flight, idle])
    amounts = np.zeros((len(index) + len(gaps), len(COSTS)))
    amounts[: len(index)] = step_amounts(steps.select(index)) * fraction[:, None]
    amounts[len(index) :, IDLE_S] = (gaps[:, 1] - gaps[:, 0]) / 1e9
    kind = np.repeat([OVERHEAD, IDLE], [len(in_flight), len(idle)])
    return Timeline(
        start_ns=np.concatenate([start, gaps[:, 0]]),
        end_ns=np.concatenate([stop, gaps[:, 1]]),
        step=np.concatenate([index, kind]).astype(np.intp),
        fraction=np.concatenate([fraction, np.ones(len(gaps))]),
        amounts=amounts,
    )


def flights(requests: RequestTable) -> NDArray[np.int64]:
    """Return when at least one request was in flight, shape (n, 2), in time order."""
    return disjoint(requests.service_start_unix_ns(), requests.closed_unix_ns)


def disjoint(start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the union of intervals as disjoint ones that do not touch, shape (n, 2), in time order."""
    order = np.argsort(start_ns, kind="stable")
    start, until = start_ns[order], np.maximum.accumulate(end_ns[order])
    is_first = np.append(True, start[1:] > until[:-1])[: len(start)]
    is_last = np.append(is_first[1:], True)[: len(start)]
    union = np.stack([start[is_first], until[is_last]], axis=1)
    return _not_empty(union)


def _gaps(busy_ns: NDArray[np.int64], begin_ns: int, end_ns: int) -> NDArray[np.int64]:
    """Return what of an interval lies outside of disjoint intervals within it."""
    gaps = np.stack([np.append(begin_ns, busy_ns[:, 1]), np.append(busy_ns[:, 0], end_ns)], axis=1)
    return _not_empty(gaps)


def _common(first_ns: NDArray[np.int64], second_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the intersection of two sets of disjoint intervals in time order."""
    begin = np.searchsorted(second_ns[:, 1], first_ns[:, 0], side="right")
    count = np.maximum(np.searchsorted(second_ns[:, 0], first_ns[:, 1]) - begin, 0)
    row, offset = ragged(count)
    other = np.repeat(begin, count) + offset
    start = np.maximum(first_ns[row, 0], second_ns[other, 0])
    end = np.minimum(first_ns[row, 1], second_ns[other, 1])
    return _not_empty(np.stack([start, end], axis=1))


def _not_empty(intervals_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    kept: NDArray[np.int64] = intervals_ns[intervals_ns[:, 1] > intervals_ns[:, 0]]
    return kept
