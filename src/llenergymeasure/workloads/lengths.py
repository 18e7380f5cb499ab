"""Lengths drawn from a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llenergymeasure.workloads.options import Lengths, LognormalLengths

if TYPE_CHECKING:
    import numpy as np


def draw_lengths(lengths: Lengths, count: int, draw: np.random.Generator) -> list[int]:
    """Return so many lengths in tokens."""
    import numpy as np

    if isinstance(lengths, LognormalLengths):
        drawn = draw.lognormal(np.log(lengths.median), lengths.sigma, count)
        return [int(each) for each in np.clip(np.rint(drawn), lengths.min, lengths.max)]
    return [int(each) for each in draw.integers(lengths.min, lengths.max, count, endpoint=True)]
