"""Sums and indices of entries that belong to rows of another table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def summed(
    row: NDArray[np.integer[Any]], amounts: NDArray[np.floating[Any]], rows: int
) -> NDArray[np.float64]:
    """Return the sum of the amounts of each row, shape (rows,)."""
    sums: NDArray[np.float64] = np.bincount(row, weights=amounts, minlength=rows).astype(np.float64)
    return sums


def ragged(counts: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and place within the row of each entry of rows that have `counts` entries."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
