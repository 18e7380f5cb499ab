"""Speed and power of a run in equal bins of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.performance.latency import TokenGaps, token_gaps
from llenergymeasure.metrics.statistics.trend import MIN_POINTS

STEPS_PER_BIN = 5
UPDATES_PER_BIN = 5
"""A bin's mean over fewer decoding steps, or updates of the slowest sensor, varies by more than a tenth from where its
edges happen to lie."""
FEWEST_BINS = 2 * MIN_POINTS
"""The later half of a warm-up must have enough bins for a trend."""
MOST_BINS = 200
"""A trend over more bins has no narrower interval worth its time."""


@dataclass(frozen=True, kw_only=True)
class TimeBins:
    """Equal bins of time, in order; arrays of shape (n,), NaN where a value is unknown.

    `itl_s` is the inter-token latency: the mean time between two tokens of a request, over all tokens with their time
    in the bin. Its inverse is the throughput per request in flight. The throughput of the whole machine follows how
    many requests are in flight and how long their prompts are, and would change when nothing about the machine does.
    `power_w` is the mean power of the included channels. Where every answer comes at once, `between_tokens` is false,
    and `itl_s` is the time of a request by its tokens.
    """

    end_s: NDArray[np.float64]
    itl_s: NDArray[np.float64]
    power_w: NDArray[np.float64]
    between_tokens: bool = True

    def __len__(self) -> int:
        return len(self.end_s)

    @classmethod
    def empty(cls) -> TimeBins:
        """Return no bins."""
        return cls(end_s=np.empty(0), itl_s=np.empty(0), power_w=np.empty(0))

    def later_half(self) -> TimeBins:
        """Return the later half of the bins, at least as many as a trend needs."""
        kept = slice(-max(MIN_POINTS, math.ceil(len(self) / 2)), None)
        return replace(self, end_s=self.end_s[kept], itl_s=self.itl_s[kept], power_w=self.power_w[kept])


def time_bins(requests: RequestTable, account: EnergyAccount, intervals: Sequence[Phase]) -> TimeBins:
    """Return the bins of some intervals of a run; each is divided evenly, and what lies between is left out."""
    whole = [each for each in intervals if each.duration_s > 0]
    gaps = token_gaps(requests).within(whole)
    width_s = bin_width_s(requests, gaps, account, sum(each.duration_s for each in whole))
    edges = [_edges(each, width_s) for each in whole]
    if not edges:
        return TimeBins.empty()
    starts = np.concatenate([each[:-1] for each in edges])
    ends = np.concatenate([each[1:] for each in edges])
    return TimeBins(
        end_s=ends / 1e9,
        itl_s=_itl_s(gaps, starts, ends),
        power_w=_power_w(account, starts, ends),
        between_tokens=gaps.between_tokens,
    )


def bin_width_s(requests: RequestTable, gaps: TokenGaps, account: EnergyAccount, duration_s: float) -> float:
    """Return how wide a bin should be over `duration_s` seconds of work.

    At least several decoding steps and several updates of the slowest sensor, and a whole number of typical requests:
    then a bin of static batches holds prefill and decoding in their usual mix. Where that leaves too few bins, the
    first two rules alone hold.
    """
    least_s = max(
        STEPS_PER_BIN * gaps.typical_s(), UPDATES_PER_BIN * _slowest_update_s(account), duration_s / MOST_BINS
    )
    most_s = duration_s / FEWEST_BINS
    request_s = _typical_request_s(requests)
    if request_s > 0:
        in_requests_s = math.ceil(least_s / request_s) * request_s
        if in_requests_s <= most_s:
            return in_requests_s
    return max(least_s, most_s)


def _edges(interval: Phase, width_s: float) -> NDArray[np.int64]:
    count = max(1, math.floor(interval.duration_s / width_s)) if width_s > 0 else 1
    steps = np.arange(count + 1) * (interval.end_unix_ns - interval.start_unix_ns) // count
    return interval.start_unix_ns + steps


def _itl_s(gaps: TokenGaps, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    # A token at the edge between two bins belongs to the earlier one, as it does between two windows.
    number = np.searchsorted(starts, gaps.end_unix_ns, side="left") - 1
    inside = (number >= 0) & (gaps.end_unix_ns <= ends[np.maximum(number, 0)])
    spent_s = np.bincount(number[inside], weights=gaps.duration_s[inside], minlength=len(starts))
    tokens = np.bincount(number[inside], weights=gaps.tokens[inside], minlength=len(starts))
    itl_s: NDArray[np.float64] = np.divide(
        spent_s, tokens, out=np.full(len(starts), np.nan), where=tokens > 0
    )
    return itl_s


def _power_w(
    account: EnergyAccount, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    power_w: NDArray[np.float64] = account.total_energies(starts, ends).energy_j / ((ends - starts) / 1e9)
    return power_w


def _typical_request_s(requests: RequestTable) -> float:
    if not len(requests):
        return 0.0
    return float(np.median(requests.closed_unix_ns - requests.service_start_unix_ns())) / 1e9


def _slowest_update_s(account: EnergyAccount) -> float:
    """Return how long the slowest included channel takes for a new reading, its averaging included."""
    periods = [0.0]
    for index, curve in enumerate(account.curves):
        if curve.channel.included_in_total:
            samples = account.trace.of(index)
            readings = samples["energy_j"] if curve.method == "counter" else samples["power_w"]
            times = samples["t_unix_ns"][1:][np.diff(readings) != 0]
            update_s = float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else 0.0
            periods.append(max(update_s, curve.channel.averaging_window_s or 0.0))
    return max(periods)
