"""Averaging time of power readings, as their own changes show it."""

from __future__ import annotations

import numpy as np

from llenergymeasure.metrics.signals.deconvolution import FITTED, LONG_AVERAGE, is_held, unlikelihoods
from llenergymeasure.metrics.signals.power_updates import UpdateGrid

WHOLE_PERIOD = 0.8
"""Readings that average over at least this share of their period leave nothing unseen. No sensor is known between half
of it (V100: 10 of 20 ms) and all of it (RTX 3090: 100 of 100 ms)."""
ABOUT_A_SECOND_S = (1.0, 1.04, 1.08, 1.12)
"""What a sensor that is said to show the mean over a second may average over (`meters.nvml.power.MEANS_S`). No sensor
is known between these and one update period."""
FAR_MORE_LIKELY = 10.0
"""By so much -2 log of the likelihood must be less than that of what was stated before another averaging time is taken:
a ratio of e^5 = 150, very strong evidence by Kass and Raftery (1995, J. Am. Stat. Assoc. 90, 773-795)."""
PER_READING = 0.1
"""And by so much for each reading: power is no random walk, and a long run of one wave favours a wrong averaging time a
little in every reading. Chosen on simulated traces (`tests/unit/metrics/signals/test_deconvolution.py`)."""
SWING = 4.0
"""Readings of a mean may change by so many times the highest, times a period over the averaging time: by what enters it
and what leaves it. Power may be twice the highest reading, and the oldest part weigh twice as much as the others."""


def find_averaging_time(grid: UpdateGrid, stated_s: float | None) -> float | None:
    """Return the averaging time that explains the readings: the stated one, unless another is far more likely.

    Means over many update periods change slowly; means over a period or less do not, and cannot be told apart: where a
    long one was stated and the readings jump, the answer is None. What is stated as a part of a period stays: a load
    that beats with such a sensor changes its readings slowly, too.
    """
    short_s = grid.period_s
    if stated_s is not None and stated_s < WHOLE_PERIOD * short_s:
        return stated_s
    is_long = stated_s is not None and stated_s > LONG_AVERAGE * short_s
    long_s = [stated_s] if is_long and stated_s is not None else []
    long_s += [each for each in ABOUT_A_SECOND_S if each != stated_s]
    short, *long = unlikelihoods(grid, [short_s, *long_s])
    best = int(np.argmin(long))
    margin = max(FAR_MORE_LIKELY, PER_READING * min(int(grid.seen.sum()), FITTED))
    if not _may_average(grid, min(long_s)) and short < long[best] + margin:
        return None if is_long else stated_s
    if not is_long and long[best] >= short - margin:
        return stated_s
    return long_s[best] if long[best] < long[0] - margin else long_s[0]


def _may_average(grid: UpdateGrid, averaging_s: float) -> bool:
    """Return whether the readings change as slowly as means do: by at most a period's share of the power's swing."""
    fresh = grid.seen & ~is_held(grid)
    changes_w = np.abs(np.diff(grid.power_w))[fresh[1:] & fresh[:-1]]
    most_w = SWING * float(grid.power_w[grid.seen].max()) * grid.period_s / averaging_s
    return bool(changes_w.max(initial=0.0) <= most_w)
