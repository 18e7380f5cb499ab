"""What intervals have accrued until a moment, each evenly over its duration: seconds, tokens, steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_NS = 1
"""Duration that an interval without one is given, so that its amount falls on one moment."""


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
    if len(start_ns) == 0:
        return np.zeros((len(at_ns), amounts.shape[1]))
    origin_ns = int(start_ns.min())
    lasts_ns = np.maximum(end_ns - start_ns, LEAST_NS)
    rate = amounts / lasts_ns[:, None]
    turns_ns = np.concatenate([start_ns, start_ns + lasts_ns]) - origin_ns
    order = np.argsort(turns_ns, kind="stable")
    turns_ns = turns_ns[order]
    slope = np.cumsum(np.concatenate([rate, -rate])[order], axis=0)[:-1]
    until = np.concatenate(
        [np.zeros((1, amounts.shape[1])), np.cumsum(slope * np.diff(turns_ns)[:, None], axis=0)]
    )
    at = at_ns - origin_ns
    columns = [np.interp(at, turns_ns, until[:, column]) for column in range(amounts.shape[1])]
    return np.stack(columns, axis=1)
