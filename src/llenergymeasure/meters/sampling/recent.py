"""Mean power and latest temperature over the last second of sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.trace import Channel, hottest_c

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPAN_NS = 1_000_000_000
"""Ten updates of a counter that is updated every 100 ms, and short enough to be called the present."""


def recent_power_w(channels: Sequence[Channel], recent: Sequence[NDArray[Any]]) -> float | None:
    """Return the mean power of the channels that are included in the total, summed; None where one is unknown.

    `recent` has the samples of the last `SPAN_NS`, an array for each channel.
    """
    powers = [
        _power_w(samples)
        for channel, samples in zip(channels, recent, strict=True)
        if channel.included_in_total
    ]
    known = [power for power in powers if power is not None]
    return math.fsum(known) if known and len(known) == len(powers) else None


def recent_temperature_c(channels: Sequence[Channel], recent: Sequence[NDArray[Any]]) -> float | None:
    """Return the latest temperature of the hottest device, as `domain.trace.hottest_c` does; None where unknown."""
    import numpy as np

    latest_c: dict[int, float] = {}
    for index, samples in enumerate(recent):
        known_c = samples["temperature_c"][np.isfinite(samples["temperature_c"])]
        if len(known_c):
            latest_c[index] = float(known_c[-1])
    return hottest_c(channels, latest_c)


def _power_w(samples: NDArray[Any]) -> float | None:
    """Average the power readings; where there are none, take the rise of the counter over time."""
    import numpy as np

    readings_w = samples["power_w"][np.isfinite(samples["power_w"])]
    if len(readings_w):
        return float(readings_w.mean())
    counts = samples[np.isfinite(samples["energy_j"])]
    if len(counts) < 2:
        return None
    rise_j = float(counts["energy_j"][-1] - counts["energy_j"][0])
    span_s = float(counts["t_unix_ns"][-1] - counts["t_unix_ns"][0]) / 1e9
    return rise_j / span_s if rise_j >= 0 and span_s > 0 else None
