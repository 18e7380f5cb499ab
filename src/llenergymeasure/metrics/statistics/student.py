"""Means and intervals of repeated measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95


def mean_half_width(values: Sequence[float]) -> float | None:
    """Return half the width of Student's 95 % interval of the mean; None for fewer than two values.

    Source: Student (1908), The probable error of a mean; `t * s / sqrt(n)` with n - 1 degrees of freedom.
    """
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return student_t(n - 1) * deviation / math.sqrt(n)


def half_width_beyond(half_width: float, explained: float) -> float:
    """Return what a half-width has beyond a known part of it: the two add in quadrature. 0 where it has no more."""
    return math.sqrt(max(half_width**2 - explained**2, 0.0))


def relative_half_width(values: Sequence[float]) -> float | None:
    """Return `mean_half_width` over the mean; None where either is not known or the mean is 0."""
    half = mean_half_width(values)
    mean = math.fsum(values) / len(values) if values else 0.0
    return None if half is None or mean == 0 else half / abs(mean)


def student_t(degrees_of_freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t distribution."""
    return student_quantile(degrees_of_freedom, CONFIDENCE)


def student_quantile(degrees_of_freedom: float, confidence: float) -> float:
    """Return a two-sided quantile of Student's t distribution, whose degrees of freedom need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, (1 + confidence) / 2))
