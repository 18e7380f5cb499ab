"""Fractions of events that may depend on each other, with Wilson's interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.statistics.clusters import SIGNIFICANT, lagged_products
from llenergymeasure.metrics.statistics.order_statistics import TAIL
from llenergymeasure.metrics.statistics.student import mean_half_width

WITHIN_ONE_WINDOW = "without the spread between windows, for which it takes two"


def fraction_estimate(windows: Sequence[NDArray[np.bool_]], unit: str) -> Estimate | None:
    """Return the fraction of events that are true, over all windows; None without any.

    `windows` has the events of each window in the order of their time. The interval is the wider, on each side, of
    Wilson's (JASA 22, 1927) for as many independent events as these are worth, since neighbours in a queue fail
    together, and of Student's over the windows.
    """
    filled = [each for each in windows if len(each)]
    if not filled:
        return None
    events = np.concatenate(filled)
    value = float(events.mean())
    low, high = wilson_interval(value, len(events) / dependence(filled))
    half = mean_half_width([float(each.mean()) for each in filled]) or 0.0
    return Estimate(
        value=value,
        low=max(min(low, value - half), 0.0),
        high=min(max(high, value + half), 1.0),
        unit=unit,
        method="derived",
        reason=WITHIN_ONE_WINDOW if len(filled) < 2 else None,
    )


def wilson_interval(fraction: float, independent: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a fraction of so many independent events, which need not be whole."""
    z = _normal_quantile()
    weight = z**2 / independent
    centre = (fraction + weight / 2) / (1 + weight)
    half = z * math.sqrt(fraction * (1 - fraction) / independent + weight / (4 * independent)) / (1 + weight)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def dependence(windows: Sequence[NDArray[np.bool_]]) -> float:
    """Return by how much more the fraction varies than that of independent events; at least 1.

    1 plus twice the sum of the autocorrelations about the fraction of all windows, up to the first that chance would
    give too. So windows that differ count as events that depend on each other.
    """
    filled = [each.astype(np.float64) for each in windows if len(each) > 1]
    if not filled:
        return 1.0
    count = sum(map(len, filled))
    mean = sum(float(each.sum()) for each in filled) / count
    longest = max(map(len, filled))
    centred = np.zeros((len(filled), longest))
    for row, each in zip(centred, filled, strict=True):
        row[: len(each)] = each - mean
    products = lagged_products(centred)
    if products[0] <= 0:
        return 1.0
    correlations = products[1:] / products[0]
    low = np.flatnonzero(correlations < SIGNIFICANT / math.sqrt(count))
    return max(1.0, 1 + 2 * float(correlations[: low[0] if len(low) else None].sum()))


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - TAIL))
