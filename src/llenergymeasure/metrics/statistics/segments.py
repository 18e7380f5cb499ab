"""Overlapping segments of an array, gathered as matrices so that row-wise statistics cost no loop over segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ELEMENTS = 1_000_000
"""Of a matrix: 8 MB of floats, whatever the number of segments."""


def segments(
    first: NDArray[np.integer[Any]], last: NDArray[np.integer[Any]]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.integer[Any]]]]:
    """Yield groups of segments `first[i]:last[i]` of one length: their numbers i, and their indices as a matrix.

    The matrix has shape (segments of the group, length). Empty segments are left out.
    """
    first, last = np.asarray(first, dtype=np.intp), np.asarray(last, dtype=np.intp)
    lengths = last - first
    for length in np.unique(lengths[lengths > 0]):
        numbers = np.flatnonzero(lengths == length)
        most = max(1, MOST_ELEMENTS // int(length))
        for begin in range(0, len(numbers), most):
            rows = numbers[begin : begin + most]
            yield rows, first[rows, None] + np.arange(length, dtype=np.intp)
