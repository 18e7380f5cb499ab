"""How much values depend on each other: those of one group, and neighbours in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 2.0
"""Standard deviations of the correlation of independent neighbours."""


def design_effect(scores: Sequence[NDArray[np.float64]], groups: Sequence[NDArray[np.intp]]) -> float:
    """Return by how much more a mean varies than that of as many independent values; at least 1.

    The variance of the sums of groups over that of single values (Kish, Survey Sampling, 1965), for scores of shape
    (n,) of each window and the group of each, numbered from 0, about the mean of their window. A window with a single
    group does not show how much its values depend on each other; then each group counts as one value.
    """
    counts = [int(group.max(initial=-1)) + 1 for group in groups]
    if min(counts) < 2:
        return sum(map(len, scores)) / max(sum(counts), 1)
    single = grouped = 0.0
    for score, group, count in zip(scores, groups, counts, strict=True):
        centred = score - score.mean()
        sums = np.bincount(group, weights=centred)
        single += float(centred @ centred) * len(score) / (len(score) - 1)
        grouped += float(sums @ sums) * count / (count - 1)
    return max(1.0, grouped / single) if single > 0 else 1.0


def serial_effect(windows: Sequence[NDArray[np.float64]]) -> float:
    """Return by how much more a mean varies than that of independent values, because neighbours depend on each other.

    1 + 2 times the sum of the autocorrelations (Bayley and Hammersley, 1946), up to the first that independent values
    would give in one of 40 cases; of the values of each window in the order of their time. They are replaced by their
    ranks, less the mean over the windows at the same place: what is the same in every window, as a queue that only
    fills up, is no chance.
    """
    length = min(map(len, windows))
    if len(windows) < 2 or length < 2:
        return 1.0
    ranks = np.array(
        [np.argsort(np.argsort(each, kind="stable"), kind="stable")[:length] for each in windows]
    )
    rest = ranks / [[len(each)] for each in windows]
    rest = rest - rest.mean(axis=0)
    products = lagged_products(rest - rest.mean(axis=1, keepdims=True))
    if products[0] <= 0:
        return 1.0
    correlations = products[1:] / products[0]
    low = np.flatnonzero(correlations < SIGNIFICANT / math.sqrt(rest.size))
    return 1 + 2 * float(correlations[: low[0] if len(low) else None].sum())


def lagged_products(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of products of values so many places apart, over all rows; shape (length,)."""
    length = series.shape[1]
    spectrum = np.fft.rfft(series, 2 * length, axis=1)
    products: NDArray[np.float64] = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :length].sum(axis=0)
    return products
