"""What intervals have accrued until a moment, each evenly over its duration: seconds, tokens, steps."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray


def accrued(
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    amounts: NDArray[np.float64],
    at_ns: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how much of their `amounts` intervals have accrued until each moment, shape (m, k).

    Interval i accrues `amounts[i]` (shape (n, k)) at a constant rate from `start_ns[i]` to `end_ns[i]`; intervals may
    overlap and be in any order. The difference between the rows of two moments is what lies between them, so that
    cells that adjoin share out every amount without loss.
    """
    until = np.zeros((len(at_ns), amounts.shape[1]))
    if len(start_ns) == 0:
        return until
    origin_ns = int(start_ns.min())
    order = np.argsort(start_ns, kind="stable")
    start_ns, end_ns, amounts = start_ns[order] - origin_ns, end_ns[order] - origin_ns, amounts[order]
    lane = _lanes(start_ns, end_ns)
    for number in range(int(lane.max()) + 1):
        rows = lane == number
        until += _accrued_in_lane(start_ns[rows], end_ns[rows], amounts[rows], at_ns - origin_ns)
    return until


def _accrued_in_lane(
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    amounts: NDArray[np.float64],
    at_ns: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the same for intervals in time order, none of which overlaps another: sums of whole amounts, exactly."""
    turns_ns = np.stack([start_ns, end_ns], axis=1).ravel()
    done = np.cumsum(amounts, axis=0)
    levels = np.stack([done - amounts, done], axis=1).reshape(-1, amounts.shape[1])
    return np.stack([np.interp(at_ns, turns_ns, column) for column in levels.T], axis=1)


def _lanes(start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return a lane for each interval, so that those of one lane do not overlap; the steps of one engine need one."""
    if (end_ns[:-1] <= start_ns[1:]).all():
        return np.zeros(len(start_ns), dtype=np.intp)
    lane = np.empty(len(start_ns), dtype=np.intp)
    free: list[tuple[int, int]] = []
    for row, (start, end) in enumerate(zip(start_ns.tolist(), end_ns.tolist(), strict=True)):
        number = heapq.heappop(free)[1] if free and free[0][0] <= start else len(free)
        lane[row] = number
        heapq.heappush(free, (end, number))
    return lane
