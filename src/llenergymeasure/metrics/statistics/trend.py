"""Trend of a series: its slope with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.metrics.statistics.student import student_t

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
