"""The course of power with the fewest steps that has the means which were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 10
"""Into so many parts each interval of the grid is cut."""
STEPS_W = (300.0, 100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 3.0)
"""Changes below this cost as their square, changes above it all the same; smaller from round to round."""
PENALTY = 0.5
"""Of a step, in squared deviations of a mean; a step in the right place saves hundreds."""


@dataclass(frozen=True, kw_only=True)
class IntervalMeans:
    """Mean power `mean_w` from `start_s` to `end_s`, arrays of shape (n,), each known to `deviation_w`."""

    start_s: NDArray[Any]
    end_s: NDArray[Any]
    mean_w: NDArray[Any]
    deviation_w: float

    def between(self, start_s: float, end_s: float) -> IntervalMeans:
        """Return those that lie wholly between; they are in time order."""
        inside = slice(
            int(np.searchsorted(self.start_s, start_s)), int(np.searchsorted(self.end_s, end_s, side="right"))
        )
        return IntervalMeans(
            start_s=self.start_s[inside],
            end_s=self.end_s[inside],
            mean_w=self.mean_w[inside],
            deviation_w=self.deviation_w,
        )


@dataclass(frozen=True, kw_only=True)
class PiecewisePower:
    """Energy `energy_j` drawn until each of `edges_s`."""

    edges_s: NDArray[Any]
    energy_j: NDArray[Any]

    def between(self, start_s: float, end_s: float) -> float:
        start_j, end_j = np.interp([start_s, end_s], self.edges_s, self.energy_j)
        return float(end_j - start_j)


def fit_sparse_steps(intervals: IntervalMeans, within: IntervalMeans) -> PiecewisePower:
    """Return the power over `intervals`, which adjoin, with the fewest steps that also explains the means `within`.

    Machines switch: power that jumps a few times is likelier than power that wanders. Steps are made few by least
    squares whose weights are renewed from the steps found before (Daubechies, DeVore, Fornasier, Güntürk 2010, Comm.
    Pure Appl. Math. 63, 1-38), from coarse to fine so that the first, smooth guess does not bind.
    """
    starts = np.linspace(intervals.start_s, intervals.end_s, PARTS, endpoint=False).T.ravel()
    edges_s = np.append(starts, intervals.end_s[-1])
    matrix = np.concatenate([_weights(each, edges_s) for each in (intervals, within)])
    right = np.concatenate([each.mean_w / each.deviation_w for each in (intervals, within)])
    normal, target = matrix.T @ matrix, matrix.T @ right
    steps = np.diff(np.eye(len(starts)), axis=0)
    price = np.full(len(steps), STEPS_W[0] ** -2)
    power_w = np.zeros(len(starts))
    for small_w in STEPS_W:
        power_w = np.linalg.solve(normal + PENALTY * (steps.T * price) @ steps, target)
        price = 1 / ((steps @ power_w) ** 2 + small_w**2)
    return PiecewisePower(
        edges_s=edges_s, energy_j=np.concatenate([[0.0], np.cumsum(power_w * np.diff(edges_s))])
    )


def _weights(means: IntervalMeans, edges_s: NDArray[Any]) -> NDArray[Any]:
    """Return which share each part has in each mean, over the mean's deviation."""
    inside_s = np.diff(np.clip(edges_s[None, :], means.start_s[:, None], means.end_s[:, None]), axis=1)
    shares: NDArray[Any] = inside_s / (means.end_s - means.start_s)[:, None] / means.deviation_w
    return shares
