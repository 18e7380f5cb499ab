"""How much values in groups depend on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
