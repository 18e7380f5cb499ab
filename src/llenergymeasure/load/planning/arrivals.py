"""When the requests of an open loop are due: arrivals at random, or at even distances."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import TYPE_CHECKING, Any

from llenergymeasure.config.load import OpenLoad

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 256
"""Times that are drawn together; the numbers do not depend on it."""


def arrival_times_s(
    load: OpenLoad, rate_per_s: float, draw: np.random.Generator, ramp_s: float = 0.0
) -> Iterator[float]:
    """Yield the times of arrivals, in seconds since the load began, without end.

    The times between them are drawn independently of each other, so that a window has as many requests as chance wants:
    their number is not forced to be the rate times the duration. In the first `ramp_s` seconds the rate rises evenly.
    """
    operational_s = 0.0  # in which the rate is `rate_per_s` at any time
    while True:
        for gap_s in _gaps_s(load, rate_per_s, draw).tolist():
            operational_s += gap_s
            yield _after_ramp_s(operational_s, ramp_s)


def _gaps_s(load: OpenLoad, rate_per_s: float, draw: np.random.Generator) -> NDArray[Any]:
    import numpy as np

    if load.arrivals == "constant":
        return np.full(BLOCK, 1 / rate_per_s)
    if load.arrivals == "poisson":
        return draw.exponential(1 / rate_per_s, BLOCK)
    return draw.gamma(load.burstiness, 1 / (load.burstiness * rate_per_s), BLOCK)


def _after_ramp_s(operational_s: float, ramp_s: float) -> float:
    """Return when so much of the load has come: at half the rate on average until the ramp ends, at all of it then."""
    half_s = ramp_s / 2
    return sqrt(2 * ramp_s * operational_s) if operational_s < half_s else operational_s + half_s
