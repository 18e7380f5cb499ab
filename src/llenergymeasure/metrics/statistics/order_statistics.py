"""Percentiles of ordered values, and which of the values bound them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.student import CONFIDENCE

TAIL = (1 - CONFIDENCE) / 2


def quantile(ordered: NDArray[np.float64], fraction: float) -> float:
    """Return the median-unbiased quantile of ordered values, interpolated between the two nearest.

    Source: Hyndman and Fan, The American Statistician 50 (1996), definition 8; numpy's `median_unbiased`.
    """
    place = min(max(fraction * (len(ordered) + 1 / 3) + 1 / 3, 1), len(ordered)) - 1
    below = math.floor(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low if place == below or low == high else low + (place - below) * (high - low)


def values_needed(fraction: float) -> int:
    """Return how many independent values a percentile needs, so that its interval has both ends.

    Of n values all lie below the percentile with probability fraction^n, all above it with (1 - fraction)^n; neither
    may exceed 2.5 %. That is 6 values for the median, 36, 72 and 368 for the 90th, 95th and 99th percentile.
    """
    return math.ceil(math.log(TAIL) / math.log(max(fraction, 1 - fraction)))


def values_needed_in_each(fraction: float) -> int:
    """Return how many values a window needs, so that its `quantile` does not lie beyond the largest."""
    return math.ceil((1 + fraction) / (3 * (1 - fraction)) - 1e-9)


def rank_fractions(fraction: float, independent: float) -> tuple[float, float]:
    """Return the fractions of the ordered values at which the 95 % interval of a percentile ends.

    The number of values below the percentile is binomial, so two order statistics bound it whatever the distribution
    (David and Nagaraja, Order Statistics, section 7.1). `independent` is the number of independent values, which need
    not be whole where values depend on each other (Korn and Graubard, Survey Methodology 24, 1998).
    """
    from scipy.special import bdtrik

    low, high = (float(bdtrik(tail, independent, fraction)) + 1 for tail in (TAIL, 1 - TAIL))
    return low / independent, high / independent
