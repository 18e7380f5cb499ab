"""Piecewise-constant power with the fewest steps that agrees with given interval means: a sparse-step fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 10
"""Each tick interval is divided into this many parts of constant power."""
STEPS_W = (300.0, 100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 3.0)
"""Scale of a step in each round: smaller steps cost as their square, larger ones all the same. It decreases so that the
first, smooth solution does not decide where the steps are."""
PENALTY = 0.5
"""Cost of one step, in squared deviations of a mean; a step in the right place saves hundreds. Checked by `make
bench-coverage`."""


@dataclass(frozen=True, kw_only=True)
class IntervalMeans:
    """Mean power `mean_w` from `start_s` to `end_s`, arrays of shape (fits, n), each known to `deviation_w`.

    A mean that is NaN says nothing.
    """

    start_s: NDArray[Any]
    end_s: NDArray[Any]
    mean_w: NDArray[Any]
    deviation_w: float


@dataclass(frozen=True, kw_only=True)
class PiecewisePower:
    """Energy `energy_j` drawn until each of `edges_s`, both of shape (fits, parts + 1)."""

    edges_s: NDArray[Any]
    energy_j: NDArray[Any]

    def energy_until(self, fits: NDArray[Any], t_s: NDArray[Any]) -> NDArray[Any]:
        """Return the energy from the first edge of `fits[i]` to `t_s[i]`, which lies between its edges."""
        edges_s, energy_j = self.edges_s[fits], self.energy_j[fits]
        part = np.clip((edges_s <= t_s[:, None]).sum(axis=1) - 1, 0, edges_s.shape[1] - 2)
        row = np.arange(len(fits))
        start_s, end_s = edges_s[row, part], edges_s[row, part + 1]
        start_j, end_j = energy_j[row, part], energy_j[row, part + 1]
        until_j: NDArray[Any] = start_j + (end_j - start_j) * (t_s - start_s) / (end_s - start_s)
        return until_j


def fit_sparse_steps(intervals: IntervalMeans, within: IntervalMeans) -> PiecewisePower:
    """Return, for each of several fits, the power over `intervals` with the fewest steps that explains all means.

    The intervals of one fit adjoin. Machines switch: power that jumps a few times is likelier than power that wanders.
    Steps are made few by least squares whose weights are renewed from the steps of the last round (Daubechies, DeVore,
    Fornasier, Güntürk 2010, Comm. Pure Appl. Math. 63, 1-38): equations (14) to (16) of
    docs/explanation/signal-processing.md.
    """
    edges_s = _part_edges_s(intervals)
    rows = [_weights(each, edges_s) for each in (intervals, within)]
    matrix = np.concatenate([weights for weights, _ in rows], axis=1)
    right = np.concatenate([target for _, target in rows], axis=1)
    power_w = _solve(matrix, right)
    parts_j = np.cumsum(power_w * np.diff(edges_s, axis=1), axis=1)
    return PiecewisePower(edges_s=edges_s, energy_j=np.insert(parts_j, 0, 0.0, axis=1))


def _part_edges_s(intervals: IntervalMeans) -> NDArray[Any]:
    starts_s = np.linspace(intervals.start_s, intervals.end_s, PARTS, endpoint=False, axis=-1)
    return np.concatenate([starts_s.reshape(len(starts_s), -1), intervals.end_s[:, -1:]], axis=1)


def _weights(means: IntervalMeans, edges_s: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the share of each part in each mean, and the means, both over the deviation; 0 for one that is NaN."""
    start_s, end_s = means.start_s[:, :, None], means.end_s[:, :, None]
    inside_s = np.diff(np.clip(edges_s[:, None, :], start_s, end_s), axis=2)
    known = np.isfinite(means.mean_w)
    scale = means.deviation_w * np.where(known, means.end_s - means.start_s, np.inf)
    return inside_s / scale[:, :, None], np.where(known, means.mean_w, 0.0) / means.deviation_w


def _solve(matrix: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return the powers of shape (fits, parts) that minimise equation (14), from weights of shape (fits, means, parts).

    It is solved for the few means instead of the many parts (equation (16)). The unknowns are the power of the part in
    the middle, which costs nothing, and the steps away from it.
    """
    parts = matrix.shape[2]
    middle = parts // 2
    until = np.cumsum(matrix, axis=2)
    whole = until[:, :, -1]
    by_step = -until[:, :, :-1]
    by_step[:, :, middle:] += whole[:, :, None]
    transposed = np.ascontiguousarray(by_step.transpose(0, 2, 1))
    sides = np.stack([whole, right], axis=2)
    identity = np.eye(matrix.shape[1])
    variance = np.full((len(matrix), parts - 1), STEPS_W[0] ** 2 / PENALTY)
    for small_w in STEPS_W:
        weighted = by_step * variance[:, None, :]
        solution = np.linalg.solve(weighted @ transposed + identity, sides)
        middle_w = (whole * solution[:, :, 1]).sum(axis=1) / (whole * solution[:, :, 0]).sum(axis=1)
        multipliers = solution[:, :, 1] - middle_w[:, None] * solution[:, :, 0]
        steps_w = (multipliers[:, None, :] @ weighted)[:, 0]
        variance = (steps_w**2 + small_w**2) / PENALTY
    rises_w = np.insert(np.cumsum(steps_w, axis=1), 0, 0.0, axis=1)
    power_w: NDArray[Any] = middle_w[:, None] + rises_w - rises_w[:, middle : middle + 1]
    return power_w
