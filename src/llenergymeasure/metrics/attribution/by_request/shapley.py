"""Shapley values of the requests, sampled under the fitted model of step costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.by_request.sums import summed

SEED = 20_231
MOST_ORDERS, FEWEST_ORDERS, MOST_DRAWN = 500, 8, 5_000_000
"""Random orders of each step: as many as keep orders times steps below the last, within the first two."""
MOST_AT_ONCE = 200_000
"""Draws that are in memory together: some 5 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapleyValues:
    """Sampled values of n requests, and the standard errors of the sampling; arrays of shape (n,)."""

    value_j: NDArray[np.float64]
    error_j: NDArray[np.float64]
    orders: int


def sampled_shapley(
    step: NDArray[np.intp],
    request: NDArray[np.intp],
    own_j: NDArray[np.float64],
    fixed_j: NDArray[np.float64],
    requests: int,
    orders: int | None = None,
) -> ShapleyValues:
    """Sample the Shapley values of a game in which requests that share steps share what a step costs.

    The game: the same steps, with only the members of a set of requests in them; a step with none does not happen.
    Entries (arrays of shape (n,), sorted by step) say who is in which step and what it adds to it, `own_j`;
    `fixed_j` is what the step of each entry costs whoever is in it: in a random order, the first one pays that.

    The game is a sum of games, one for each step, and so is its value (Shapley 1953, A value for n-person games, axiom
    3): each step draws orders of its own, which scatters less than orders of all requests would.
    """
    own = summed(request, own_j, requests)
    if len(step) == 0:
        return ShapleyValues(value_j=own, error_j=np.zeros(requests), orders=0)
    begin = np.flatnonzero(np.append(True, np.diff(step) != 0))
    members, paid_j = np.diff(np.append(begin, len(step))), fixed_j[begin]
    count = orders or int(np.clip(MOST_DRAWN // len(begin), FEWEST_ORDERS, MOST_ORDERS))
    draw = np.random.default_rng(SEED)
    total, squares = np.zeros(requests), np.zeros(requests)
    at_once = max(1, MOST_AT_ONCE // max(len(begin), requests))
    for done in range(0, count, at_once):
        several = min(at_once, count - done)
        payer = request[begin + draw.integers(members, size=(several, len(begin)))]
        row = payer + requests * np.arange(several)[:, None]
        paid = summed(row.ravel(), np.tile(paid_j, several), several * requests).reshape(several, requests)
        total += paid.sum(axis=0)
        squares += (paid**2).sum(axis=0)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0) / max(count - 1, 1)
    return ShapleyValues(value_j=own + mean, error_j=np.sqrt(variance), orders=count)
