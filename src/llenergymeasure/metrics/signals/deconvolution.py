"""Deconvolution of power readings that are each a mean over some time before: the power over time behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import UpdateGrid

LONG_AVERAGE = 1.2
"""Readings that average over more than this many of their periods overlap. No sensor is known between 1 (RTX 3090, and
less: V100, A100) and 10 (H100: a second, every tenth of it)."""
SMOOTHNESS = tuple(10.0**power for power in range(-7, 6))
"""Trial ratios of the variance of a reading's noise to that of the power's steps from one update to the next."""
LEAST_NOISE_W = 0.001
"""NVML states milliwatts."""
NEGATIVE = 0.5
"""Power may be so far below zero, as a share of the highest reading, before the sensor is taken for no box filter: with
what does not fit, the solution swings (`tests/unit/metrics/signals/test_deconvolution.py`)."""
NOISY = 0.1
"""Likewise for what of the readings is left as noise: means over a long time have hardly any."""
PRIOR = 0.1
"""Readings that what is left of all readings counts for, near any of them."""
NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a normal deviate."""
LEAST_STEPS = 0.1
"""Of the variance of the power's steps, so much may be anywhere: power that was steady so far may jump."""
HELD = 3
"""From so many equal readings in a row on, the later ones tell nothing: some seconds after a load, cards that show a
mean over a second publish it only once a second (RTX 3090 and A5000 in the data of arXiv 2312.02741)."""
FITTED = 1000
"""Readings that the averaging time is fitted to: 100 s of the usual sensor."""
MOST_ELEMENTS = 1_000_000
"""Of the matrix of intervals that are solved for at once: 8 MB."""
TAIL_INTERVALS = 64
"""Update intervals after the last interval of interest that are solved for at first."""
NEGLIGIBLE = 1e-18
"""Share of a variance that what follows is left out below: less than the rounding error of its square root."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedPower:
    """Mean power of each update interval, from `edges_s[i]` to `edges_s[i + 1]`.

    `factor` is the banded Cholesky factor of the inverse covariance of these powers, for noise of 1 W. `noise_w` is
    what the readings near each interval differ from the fit, as a root mean square; `ripple_w` what they usually do.
    """

    edges_s: NDArray[Any]
    power_w: NDArray[Any]
    factor: NDArray[Any]
    noise_w: NDArray[Any]
    ripple_w: NDArray[Any]
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
        noise_w2, ripple_w2 = (
            self._at_ends(self.noise_w**2, start_s, end_s),
            self._at_ends(self.ripple_w**2, start_s, end_s),
        )
        deviation_j: NDArray[Any] = np.sqrt(noise_w2 * variance_s2 + 2 * ripple_w2 * self.averaging_s**2)
        return deviation_j

    def _at_ends(self, of: NDArray[Any], start_s: NDArray[Any], end_s: NDArray[Any]) -> NDArray[Any]:
        """Return the mean of a property of update intervals over those at the two ends of each interval."""
        ends_s = np.stack([start_s, end_s])
        number = np.clip(np.searchsorted(self.edges_s, ends_s, side="right") - 1, 0, len(of) - 1)
        mean: NDArray[Any] = of[number].mean(axis=0)
        return mean

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
    if averaging_s <= LONG_AVERAGE * grid.period_s:  # each is the power of its own interval
        weights = np.ones(1)
        _, (power_w, factor, noise_w) = _solve(grid, weights, SMOOTHNESS[0], np.ones(len(grid) - 1))
    else:
        weights, grid = _weights(averaging_s / grid.period_s), without_held(grid)
        _, (power_w, factor, noise_w) = _most_likely(grid, weights)
        _, (power_w, factor, noise_w) = _most_likely(grid, weights, _step_sizes(power_w, len(weights)))
    highest_w = grid.power_w[grid.seen].max()
    if power_w.min() < -NEGATIVE * highest_w or noise_w > NOISY * highest_w:
        return None
    before_s = np.arange(len(weights), 0, -1) * grid.period_s
    edges_s = np.concatenate([grid.t_s[0] - before_s, grid.t_s])
    around_w, usual_w = _noise_around(grid, weights, power_w, noise_w)
    return DeconvolvedPower(
        edges_s=edges_s,
        power_w=power_w,
        factor=factor,
        noise_w=around_w,
        ripple_w=usual_w,
        averaging_s=averaging_s,
    )


def _noise_around(
    grid: UpdateGrid, weights: NDArray[Any], power_w: NDArray[Any], noise_w: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, for each update interval, how much the readings near it differ from the fit: root mean square, and usual.

    A box is not quite what a sensor does. That shows in few readings, where power steps; ripple shows in all, so the
    usual difference is by their median. Near are the readings that an interval takes part in, and as many before.
    Scaled so that the mean of squares over all readings is `noise_w` squared, which has regard to the degrees of
    freedom, and that counts as a tenth of a reading everywhere.
    """
    width = len(weights)
    left_w = np.where(grid.seen, np.abs(grid.power_w - np.convolve(power_w, weights[::-1], "valid")), np.nan)
    left_w *= noise_w / max(float(np.sqrt(np.nanmean(left_w**2))), LEAST_NOISE_W)
    outside = np.full(width - 1, np.nan)
    near_w = sliding_window_view(np.concatenate([outside, outside, [np.nan], left_w, outside]), 2 * width)
    seen = np.isfinite(near_w).sum(axis=1)
    rms_w = np.sqrt((np.nansum(near_w**2, axis=1) + PRIOR * noise_w**2) / (seen + PRIOR))
    usual_w = np.full(len(near_w), noise_w)
    usual_w[seen > 0] = np.nanmedian(near_w[seen > 0], axis=1) / NORMAL_MEDIAN
    return rms_w, np.minimum(usual_w, rms_w)


def is_held(grid: UpdateGrid) -> NDArray[np.bool_]:
    """Return which updates belong to a row of at least `HELD` equal readings."""
    row = np.cumsum(np.append(True, np.diff(grid.power_w) != 0)) - 1
    held: NDArray[np.bool_] = np.bincount(row)[row] >= HELD
    return held


def without_held(grid: UpdateGrid) -> UpdateGrid:
    """Return the grid with all but the first reading of each row of held ones unseen."""
    repeats = np.append(False, np.diff(grid.power_w) == 0)
    return replace(grid, seen=grid.seen & ~(repeats & is_held(grid)))


def unlikelihoods(grid: UpdateGrid, averages_s: Sequence[float]) -> NDArray[Any]:
    """Return -2 log of the restricted likelihood of each averaging time, equation (20), up to one constant.

    All of them explain the same readings: the part of the grid in which the power changes most, less a straight line,
    which every mean shows alike.
    """
    grid = _liveliest(without_held(grid))
    times_s, power_w = grid.t_s[grid.seen], grid.power_w[grid.seen]
    line_w = np.polyval(np.polyfit(times_s - grid.t_s[0], power_w, 1), grid.t_s - grid.t_s[0])
    grid = replace(grid, power_w=grid.power_w - line_w)
    return np.array([_most_likely(grid, _weights(each / grid.period_s))[0] for each in averages_s])


def _liveliest(grid: UpdateGrid) -> UpdateGrid:
    """Return the stretch of at most `FITTED` updates whose readings change most."""
    if len(grid) <= FITTED:
        return grid
    changed = np.concatenate([[0.0], np.cumsum(np.diff(grid.power_w) ** 2)])
    first = int(np.argmax(changed[FITTED - 1 :] - changed[: -FITTED + 1]))
    part = slice(first, first + FITTED)
    return replace(grid, t_s=grid.t_s[part], power_w=grid.power_w[part], seen=grid.seen[part])


def _most_likely(
    grid: UpdateGrid, weights: NDArray[Any], step_sizes: NDArray[Any] | None = None
) -> tuple[float, tuple[NDArray[Any], NDArray[Any], float]]:
    """Return what `_solve` does for the ratio of noise to change that is the most likely."""
    if step_sizes is None:
        step_sizes = np.ones(len(grid) + len(weights) - 2)
    return min((_solve(grid, weights, ratio, step_sizes) for ratio in SMOOTHNESS), key=lambda each: each[0])


def _step_sizes(power_w: NDArray[Any], width: int) -> NDArray[Any]:
    """Return the variance of the power's steps near each of them over that of all, by a first solution."""
    steps_w2 = np.diff(power_w) ** 2
    everywhere_w2 = max(float(steps_w2.mean()), LEAST_NOISE_W**2)
    near = np.ones(width + 1 - width % 2)
    around_w2 = np.convolve(steps_w2, near, "same") / np.convolve(np.ones(len(steps_w2)), near, "same")
    sizes: NDArray[Any] = LEAST_STEPS + (1 - LEAST_STEPS) * around_w2 / everywhere_w2
    return sizes


def _weights(periods: float) -> NDArray[Any]:
    """Return the weights of the update intervals before a reading, the oldest first, for a box of so many periods."""
    count = max(1, math.ceil(periods - 1e-6))
    weights = np.ones(count)
    weights[0] = min(1.0, periods - (count - 1))
    weights /= weights.sum()
    return weights


def _solve(
    grid: UpdateGrid, weights: NDArray[Any], ratio: float, step_sizes: NDArray[Any]
) -> tuple[float, tuple[NDArray[Any], NDArray[Any], float]]:
    """Return -2 log of the likelihood of `ratio`, and the power, factor and noise that go with it."""
    from scipy.linalg import cho_solve_banded, cholesky_banded

    reading_w = np.where(grid.seen, grid.power_w, 0.0)
    matrix = _normal_matrix(grid.seen.astype(float), weights)
    ratios = ratio / step_sizes
    matrix[0, :-1] += ratios
    matrix[0, 1:] += ratios
    matrix[1, :-1] -= ratios
    factor = cholesky_banded(matrix, lower=True)
    right = np.convolve(reading_w, weights)
    power_w = cho_solve_banded((factor, True), right)
    degrees = max(int(grid.seen.sum()) - 1, 1)
    squares = max(float(reading_w @ reading_w - right @ power_w), degrees * LEAST_NOISE_W**2)
    log_determinant = 2 * float(np.log(factor[0]).sum()) - float(np.log(ratios).sum())
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
