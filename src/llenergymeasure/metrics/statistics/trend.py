"""Trend of a series: its slope with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.student import CONFIDENCE, student_quantile, student_t

MIN_POINTS = 5
"""With fewer, Student's factor for n - 2 degrees of freedom is 4.3 and more."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Relative change of a series over a stretch of time, with the 95 % interval; 0.1 means 10 % up."""

    change: float
    low: float
    high: float
    points: int

    def is_flat(self, tolerance: float) -> bool:
        """Whether the change is within ± `tolerance`, and its interval within twice that."""
        within = -2 * tolerance <= self.low and self.high <= 2 * tolerance
        return within and abs(self.change) <= tolerance

    def is_drift(self, tolerance: float) -> bool:
        """Whether the change is more than ± `tolerance`, and its interval excludes 0."""
        return abs(self.change) > tolerance and not self.low <= 0 <= self.high


def fit_trend(
    times_s: Sequence[float], values: Sequence[float], horizon_s: float | None = None
) -> Trend | None:
    """Return the least-squares trend over `horizon_s` seconds, or from the first point to the last.

    A short series projected over a long horizon has a wide interval. None for fewer than five points, no
    extent in time, or a mean of 0.

    Interval: Student's t on the slope's standard error with n - 2 degrees of freedom (Draper and Smith, Applied
    Regression Analysis, 1.4).
    """
    n = len(values)
    if n < MIN_POINTS:
        return None
    mean_t, mean = math.fsum(times_s) / n, math.fsum(values) / n
    spread = math.fsum((t - mean_t) ** 2 for t in times_s)
    stretch_s = max(times_s) - min(times_s) if horizon_s is None else horizon_s
    if spread == 0 or mean == 0:
        return None
    slope = math.fsum((t - mean_t) * (v - mean) for t, v in zip(times_s, values, strict=True)) / spread
    residual = math.fsum((v - mean - slope * (t - mean_t)) ** 2 for t, v in zip(times_s, values, strict=True))
    half = student_t(n - 2) * math.sqrt(residual / (n - 2) / spread)
    scale = stretch_s / abs(mean)
    return Trend(change=slope * scale, low=(slope - half) * scale, high=(slope + half) * scale, points=n)


def fit_correlated_trend(
    times_s: NDArray[np.float64], values: NDArray[np.float64], confidence: float = CONFIDENCE
) -> Trend | None:
    """Return the same from first to last of equally spaced points, of values that depend on their neighbours.

    The points count as fewer independent ones, as `_independent` says (Santer et al., J. Geophys. Res. 105, 2000).
    Where no more than three are left, they are taken for a random walk, whose steps are independent.
    """
    n, mean = len(values), float(np.mean(values)) if len(values) else 0.0
    if n < MIN_POINTS or mean == 0:
        return None
    centred = times_s - times_s.mean()
    spread = float(centred @ centred)
    slope = float(centred @ values) / spread
    residuals = values - mean - slope * centred
    rest = float(residuals @ residuals)
    scale = float(times_s[-1] - times_s[0]) / abs(mean)
    independent = _independent(residuals)
    if independent <= MIN_POINTS - 2:
        return _walk(values, mean, confidence)
    half = student_quantile(independent - 2, confidence) * math.sqrt(rest / (independent - 2) / spread)
    return Trend(change=slope * scale, low=(slope - half) * scale, high=(slope + half) * scale, points=n)


def _walk(values: NDArray[np.float64], mean: float, confidence: float) -> Trend:
    """Return the change of a random walk from its first to its last point, by how much its steps vary."""
    steps = np.diff(values)
    change = float(values[-1] - values[0]) / abs(mean)
    half = float(np.std(steps, ddof=1)) * math.sqrt(len(steps)) / abs(mean)
    half *= student_quantile(len(steps) - 1, confidence)
    return Trend(change=change, low=change - half, high=change + half, points=len(values))


def end_difference(
    end: NDArray[np.float64], rest: NDArray[np.float64], confidence: float = CONFIDENCE
) -> Trend | None:
    """Return by how much the mean of an end of a series differs from that of the rest, relative to the latter.

    A short ramp shows here and hardly in a line through all points. How much values vary and depend on their neighbours
    is that of the rest, in which there is no ramp. None where the rest has too few points, or a mean of 0.
    """
    n, mean = len(rest), float(np.mean(rest)) if len(rest) else 0.0
    if n < MIN_POINTS or not len(end) or mean == 0:
        return None
    change = (float(np.mean(end)) - mean) / abs(mean)
    centred = rest - mean
    independent = _independent(centred)
    if independent <= MIN_POINTS - 2:
        return Trend(change=change, low=-math.inf, high=math.inf, points=n)
    variance = float(centred @ centred) / (n - 1)
    in_end = max(independent * len(end) / n, 1.0)
    error = math.sqrt(variance * (1 / independent + 1 / in_end)) / abs(mean)
    half = student_quantile(independent - 1, confidence) * error
    return Trend(change=change, low=change - half, high=change + half, points=n)


def _independent(residuals: NDArray[np.float64]) -> float:
    """Return how many independent values so many residuals are worth: n (1 - r) / (1 + r).

    r is their correlation with the next ones, corrected for its bias in short series (Kendall, Biometrika 41, 1954),
    and never below 0.
    """
    n, rest = len(residuals), float(residuals @ residuals)
    correlation = float(residuals[1:] @ residuals[:-1]) / rest if rest > 0 else 0.0
    correlation = min(max(correlation + (1 + 4 * correlation) / n, 0.0), 1.0)
    return n * (1 - correlation) / (1 + correlation)
