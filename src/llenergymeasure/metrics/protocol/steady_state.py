"""Steady state: whether inter-token latency and power have stopped changing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.protocol.time_bins import TimeBins, time_bins
from llenergymeasure.metrics.statistics.trend import Trend, fit_trend

TOLERANCE = 0.05
"""A change over a window that is still called steady; cold runs read up to 30 % off."""


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """Trends of inter-token latency and power over the same bins of time; None where there are too few points."""

    latency: Trend | None
    power: Trend | None

    @property
    def is_steady(self) -> bool:
        """Whether inter-token latency, and power where it is known, are flat."""
        trends = [trend for trend in (self.latency, self.power) if trend is not None]
        return self.latency is not None and all(trend.is_flat(TOLERANCE) for trend in trends)


def steadiness(bins: TimeBins, horizon_s: float | None = None) -> Steadiness:
    """Return the trends over all bins, projected over `horizon_s` seconds; by default from first to last bin."""
    return Steadiness(
        latency=_trend(bins.end_s, bins.itl_s, horizon_s), power=_trend(bins.end_s, bins.power_w, horizon_s)
    )


def warmup_steadiness(
    requests: RequestTable, account: EnergyAccount, warmup: Phase, window_s: float
) -> Steadiness:
    """Return the trends over the later half of a warm-up, projected over the window to come, `window_s` seconds.

    What came first is the warming up; and a drift that is slow against the warm-up may still spoil a long window.
    """
    later = time_bins(requests, account, [warmup]).later_half()
    extent_s = float(later.end_s[-1] - later.end_s[0]) if len(later) else 0.0
    return steadiness(later, max(window_s, extent_s))


def _trend(end_s: NDArray[np.float64], values: NDArray[np.float64], horizon_s: float | None) -> Trend | None:
    known = np.isfinite(values)
    return fit_trend(end_s[known].tolist(), values[known].tolist(), horizon_s)
