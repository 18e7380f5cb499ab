"""How much values depend on each other: those of one group, and neighbours in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 2.0
"""Standard deviations of the variance of blocks of independent values."""


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

    For the values of each window in the order of their time. They are replaced by their ranks less a straight line, as
    a queue that only fills up is the same in every window, and summed over blocks of the square root of their number.
    1 where independent values would give as much in one of 40 cases.
    """
    single = grouped = 0.0
    blocks = 0
    for values in windows:
        length = math.isqrt(len(values))
        if length > 1:
            count = len(values) // length
            ranks = _detrended(np.argsort(np.argsort(values, kind="stable"), kind="stable")[: count * length])
            sums = ranks.reshape(count, length).sum(axis=1)
            single, grouped, blocks = (
                single + float(ranks @ ranks),
                grouped + float(sums @ sums),
                blocks + count,
            )
    if not single:
        return 1.0
    effect = grouped / single
    return effect if effect > 1 + SIGNIFICANT * math.sqrt(2 / blocks) else 1.0


def _detrended(values: NDArray[np.intp]) -> NDArray[np.float64]:
    place = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    rest: NDArray[np.float64] = centred - place * float(place @ centred) / float(place @ place)
    return rest
