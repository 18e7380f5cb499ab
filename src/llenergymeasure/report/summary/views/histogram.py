"""How often values occur, as a bar chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llenergymeasure.report.summary.document import Bar, Bars
from llenergymeasure.report.summary.format import quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BARS = 10
"""Few enough for one screen, and enough to see two modes and a tail."""


SAME = 1e-6
"""Relative range of values that no reader would tell apart."""


def histogram(values: NDArray[np.float64], unit: str, heading: str) -> Bars | None:
    """Return how many of the values, shape (n,), lie in each of ten equal ranges; None for fewer than two of them.

    Values that are all the same make one bar.
    """
    import numpy as np

    if len(values) < 2:
        return None
    if np.ptp(values) <= SAME * np.abs(values).max():
        one = Bar(label=quantity(float(values[0]), unit), share=1.0, value=f"{len(values):,}")
        return Bars(heading=heading, bars=(one,))
    counts, edges = np.histogram(values, bins=BARS)
    most = int(counts.max())
    return Bars(
        heading=heading,
        bars=tuple(
            Bar(
                label=f"{quantity(float(low), unit)} to {quantity(float(high), unit)}",
                share=count / most,
                value=f"{count:,}",
            )
            for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
        ),
    )
