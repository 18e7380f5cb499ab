"""Deconvolution of power readings that are each a mean over a long time before: the power over time behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import UpdateGrid

SMOOTHNESS = tuple(10.0**power for power in range(-7, 6))
"""Trial ratios of the variance of a reading's noise to that of the power's steps from one update to the next."""
LEAST_NOISE_W = 0.001
"""NVML states milliwatts."""
NEGATIVE = 0.5
"""Power may be so far below zero, as a share of the highest reading, before the sensor is taken for no box filter: with
what does not fit, the solution swings (`tests/unit/metrics/signals/test_deconvolution.py`)."""
NOISY = 0.1
"""Likewise for what of the readings is left as noise: means over a long time have hardly any."""
MOST_ELEMENTS = 1_000_000
"""Of the matrix of intervals that are solved for at once: 8 MB."""
TAIL_INTERVALS = 64
"""Update intervals after the last interval of interest that are solved for at first."""
NEGLIGIBLE = 1e-18
"""Share of a variance that what follows is left out below: less than the rounding error of its square root."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedPower:
    """Mean power of each update interval, from `edges_s[i]` to `edges_s[i + 1]`.

    `factor` is the banded Cholesky factor of the inverse covariance of these powers, over `noise_w` squared.
    """

    edges_s: NDArray[Any]
    power_w: NDArray[Any]
    factor: NDArray[Any]
    noise_w: float
    averaging_s: float

    @property
    def period_s(self) -> float:
        """Time between two updates of the sensor."""
        return float(self.edges_s[1] - self.edges_s[0])

    @cached_property
    def energy_j(self) -> NDArray[Any]:
        """Energy from the first edge to each of `edges_s`."""
        return np.concatenate([[0.0], np.cumsum(self.power_w * np.diff(self.edges_s))])

    def deviation_j(self, start_s: NDArray[Any], end_s: NDArray[Any]) -> NDArray[Any]:
        """Return the standard deviation, by noise and averaging, of the energy from each `start_s` to its `end_s`.

        What the readings differ from the fit may be noise. It may as well be power that changes within an update
        interval, of which they show only what a box does not average over whole rounds: so much is unknown at either
        end. Equation (21) of docs/explanation/signal-processing.md.
        """
        at_once = max(1, MOST_ELEMENTS // len(self.edges_s))
        in_order = np.argsort(start_s)
        variance_s2 = np.empty(len(start_s))
        for first in range(0, len(start_s), at_once):
            some = in_order[first : first + at_once]
            variance_s2[some] = self._variance_s2(start_s[some], end_s[some])
        deviation_j: NDArray[Any] = self.noise_w * np.sqrt(variance_s2 + 2 * self.averaging_s**2)
        return deviation_j

    def _variance_s2(self, start_s: NDArray[Any], end_s: NDArray[Any]) -> NDArray[Any]:
        """Return u' M^-1 u = |y|^2 of each interval, with L y = u and L L' = M.

        y is 0 before the interval and falls off after it, so only that stretch is solved: twice as long until it has.
        """
        from scipy.linalg.lapack import dtbtrs

        count, width = len(self.power_w), len(self.factor)
        first, last = np.searchsorted(self.edges_s, [start_s.min(), end_s.max()])
        first, tail = max(int(first) - 1, 0), TAIL_INTERVALS
        while True:
            stop = min(int(last) + tail, count)
            inside_s = np.diff(np.clip(self.edges_s[first : stop + 1, None], start_s, end_s), axis=0)
            solved, _ = dtbtrs(self.factor[:, first:stop], inside_s, uplo="L")
            squares = solved**2
            variance_s2: NDArray[Any] = squares.sum(axis=0)
            if stop == count or (squares[-width:].sum(axis=0) <= NEGLIGIBLE * variance_s2).all():
                return variance_s2
            tail *= 2


def deconvolve(grid: UpdateGrid, averaging_s: float) -> DeconvolvedPower | None:
    """Return the power behind readings that average over `averaging_s`; None where no such box filter explains them.

    Each reading is a weighted sum of the powers before it, plus noise; the power changes from one update to the next as
    a random walk. That is ridge regression with a banded matrix; the ratio of noise to change is found by the
    restricted likelihood of the readings (Patterson, Thompson 1971, Biometrika 58, 545-554): equations (18) to (20) of
    docs/explanation/signal-processing.md.
    """
    weights = _weights(averaging_s / grid.period_s)
    power_w, factor, noise_w = min(
        (_solve(grid, weights, ratio) for ratio in SMOOTHNESS), key=lambda each: each[0]
    )[1]
    highest_w = grid.power_w[grid.seen].max()
    if power_w.min() < -NEGATIVE * highest_w or noise_w > NOISY * highest_w:
        return None
    before_s = np.arange(len(weights), 0, -1) * grid.period_s
    edges_s = np.concatenate([grid.t_s[0] - before_s, grid.t_s])
    return DeconvolvedPower(
        edges_s=edges_s, power_w=power_w, factor=factor, noise_w=noise_w, averaging_s=averaging_s
    )


def _weights(periods: float) -> NDArray[Any]:
    """Return the weights of the update intervals before a reading, the oldest first, for a box of so many periods."""
    count = max(1, math.ceil(periods - 1e-6))
    weights = np.ones(count)
    weights[0] = min(1.0, periods - (count - 1))
    weights /= weights.sum()
    return weights


def _solve(
    grid: UpdateGrid, weights: NDArray[Any], ratio: float
) -> tuple[float, tuple[NDArray[Any], NDArray[Any], float]]:
    """Return -2 log of the likelihood of `ratio`, and the power, factor and noise that go with it."""
    from scipy.linalg import cho_solve_banded, cholesky_banded

    reading_w = np.where(grid.seen, grid.power_w, 0.0)
    matrix = _normal_matrix(grid.seen.astype(float), weights)
    matrix[0, :-1] += ratio
    matrix[0, 1:] += ratio
    matrix[1, :-1] -= ratio
    factor = cholesky_banded(matrix, lower=True)
    right = np.convolve(reading_w, weights)
    power_w = cho_solve_banded((factor, True), right)
    degrees = max(int(grid.seen.sum()) - 1, 1)
    squares = max(float(reading_w @ reading_w - right @ power_w), degrees * LEAST_NOISE_W**2)
    log_determinant = 2 * float(np.log(factor[0]).sum()) - (len(power_w) - 1) * math.log(ratio)
    deviance = degrees * math.log(squares / degrees) + log_determinant
    return deviance, (power_w, factor, math.sqrt(squares / degrees))


def _normal_matrix(seen: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Return the lower bands of the normal matrix: reading k weighs the update intervals from k on."""
    width, readings = len(weights), len(seen)
    matrix = np.zeros((max(width, 2), readings + width - 1))
    for band in range(width):
        for at in range(width - band):
            matrix[band, at : at + readings] += weights[at] * weights[at + band] * seen
    return matrix
