"""Power over time from readings that are each a mean over a long time before: the averaging undone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import UpdateGrid

SMOOTHNESS = tuple(10.0**power for power in range(-7, 6))
"""Trial ratios of the variance of a reading's noise to that of the power's steps from one cell to the next."""
LEAST_NOISE_W = 0.001
"""NVML states milliwatts."""
NEGATIVE = 0.5
"""Power may come out so far below zero, as a share of the highest reading, before the sensor is thought to be no box:
with what does not fit, the solution swings."""
NOISY = 0.1
"""Likewise for what of the readings is left as noise: means over a long time have hardly any."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedPower:
    """Mean power of each cell between two beats, from `edges_s[i]` to `edges_s[i + 1]`.

    `factor` is the banded Cholesky factor of the inverse covariance of the cells, over `noise_w` squared.
    """

    edges_s: NDArray[Any]
    power_w: NDArray[Any]
    factor: NDArray[Any]
    noise_w: float
    averaging_s: float

    def deviation_j(self, start_s: float, end_s: float) -> float:
        """Return the standard deviation of the energy from `start_s` to `end_s` that noise and averaging leave open.

        What the readings hold beyond the course may be noise. It may as well be power that changes within a cell, of
        which they show only what a box does not hold in whole rounds: that much is open at either end.
        """
        from scipy.linalg import cho_solve_banded

        inside_s = np.diff(np.clip(self.edges_s, start_s, end_s))
        variance = float(inside_s @ cho_solve_banded((self.factor, True), inside_s))
        return self.noise_w * math.sqrt(max(variance, 0.0) + 2 * self.averaging_s**2)


def deconvolve(beat: UpdateGrid, averaging_s: float) -> DeconvolvedPower | None:
    """Return the power behind readings that average over `averaging_s` as a box; None where no such box explains them.

    Each reading is a weighted sum of the cells before it, plus noise; the power changes from cell to cell as a random
    walk. That is ridge regression with a banded matrix; how much noise there is against change is found by the
    restricted likelihood of the readings (Patterson, Thompson 1971, Biometrika 58, 545-554).
    """
    weights = _weights(averaging_s / beat.period_s)
    power_w, factor, noise_w = min(
        (_solve(beat, weights, ratio) for ratio in SMOOTHNESS), key=lambda each: each[0]
    )[1]
    highest_w = beat.power_w[beat.seen].max()
    if power_w.min() < -NEGATIVE * highest_w or noise_w > NOISY * highest_w:
        return None
    before = np.arange(len(weights), 0, -1) * beat.period_s
    edges_s = np.concatenate([beat.t_s[0] - before, beat.t_s])
    return DeconvolvedPower(
        edges_s=edges_s, power_w=power_w, factor=factor, noise_w=noise_w, averaging_s=averaging_s
    )


def _weights(periods: float) -> NDArray[Any]:
    """Return the weights of the cells before a reading, the oldest first, for a box of so many periods."""
    cells = max(1, math.ceil(periods - 1e-6))
    weights = np.ones(cells)
    weights[0] = min(1.0, periods - (cells - 1))
    weights /= weights.sum()
    return weights


def _solve(
    beat: UpdateGrid, weights: NDArray[Any], ratio: float
) -> tuple[float, tuple[NDArray[Any], NDArray[Any], float]]:
    """Return how badly `ratio` explains the readings, and the cells' power, factor and noise that go with it."""
    from scipy.linalg import cho_solve_banded, cholesky_banded

    reading_w = np.where(beat.seen, beat.power_w, 0.0)
    matrix = _normal_matrix(beat.seen.astype(float), weights)
    matrix[0, :-1] += ratio
    matrix[0, 1:] += ratio
    matrix[1, :-1] -= ratio
    factor = cholesky_banded(matrix, lower=True)
    right = np.convolve(reading_w, weights)
    power_w = cho_solve_banded((factor, True), right)
    degrees = max(int(beat.seen.sum()) - 1, 1)
    squares = max(float(reading_w @ reading_w - right @ power_w), degrees * LEAST_NOISE_W**2)
    logarithm = 2 * float(np.log(factor[0]).sum()) - (len(power_w) - 1) * math.log(ratio)
    badness = degrees * math.log(squares / degrees) + logarithm
    return badness, (power_w, factor, math.sqrt(squares / degrees))


def _normal_matrix(seen: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Return the lower bands of the cells' normal matrix: reading k weighs the cells from k on."""
    width, readings = len(weights), len(seen)
    matrix = np.zeros((max(width, 2), readings + width - 1))
    for band in range(width):
        for at in range(width - band):
            matrix[band, at : at + readings] += weights[at] * weights[at + band] * seen
    return matrix
