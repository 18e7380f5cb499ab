"""Segments of an array are gathered by length, without losing or repeating one."""

from __future__ import annotations

import numpy as np

from llenergymeasure.metrics.statistics import segments as module
from llenergymeasure.metrics.statistics.segments import segments


def test_every_segment_that_is_not_empty_comes_once_with_its_indices() -> None:
    first, last = np.array([0, 4, 2, 7, 3]), np.array([3, 4, 5, 6, 9])
    gathered = {
        int(number): row.tolist()
        for numbers, index in segments(first, last)
        for number, row in zip(numbers, index, strict=True)
    }
    assert gathered == {0: [0, 1, 2], 2: [2, 3, 4], 4: [3, 4, 5, 6, 7, 8]}


def test_long_segments_come_in_several_matrices() -> None:
    length = module.MOST_ELEMENTS // 2
    first = np.zeros(5, dtype=int)
    sizes = [index.size for _, index in segments(first, first + length)]
    assert sum(sizes) == 5 * length
    assert max(sizes) <= module.MOST_ELEMENTS
