"""How busy the parts of a GPU were within some intervals, from the readings of its activity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELDS = ("sm_activity_pct", "tensor_activity_pct", "dram_activity_pct")
NONE_READ = "no reading of the GPM metrics lies within"


@dataclass(frozen=True, kw_only=True)
class ActivityReadings:
    """Readings that lie within intervals: each is a mean over `duration_s`; arrays of shape (n,)."""

    duration_s: NDArray[np.float64]
    percent: dict[str, NDArray[np.float64]]
    """By name of the field in a trace; NaN where a card does not say."""

    def mean_pct(self, field: str) -> float | None:
        """Return the mean over all the time of the readings; None where none is known."""
        values = self.percent[field]
        known = np.isfinite(values)
        if not known.any():
            return None
        return float(np.average(values[known], weights=self.duration_s[known]))


def activity_within(
    samples: NDArray[Any], start_unix_ns: NDArray[np.int64], end_unix_ns: NDArray[np.int64]
) -> ActivityReadings:
    """Return the readings of one channel that lie wholly within one of some intervals, which do not overlap.

    A reading is the mean since the one before it. One that also covers time outside is left out: the share of the
    inside in it is not known.
    """
    known = np.zeros(len(samples), dtype=bool)
    for name in FIELDS:
        known |= np.isfinite(samples[name])
    read = samples[known]
    ends = read["t_unix_ns"][1:].astype(np.int64)
    starts = read["t_unix_ns"][:-1].astype(np.int64)
    order = np.argsort(start_unix_ns)
    first, last = start_unix_ns[order], end_unix_ns[order]
    at = np.searchsorted(first, starts, side="right") - 1
    inside = at >= 0
    inside[inside] = ends[inside] <= last[at[inside]]
    return ActivityReadings(
        duration_s=(ends - starts)[inside] / 1e9,
        percent={name: read[name][1:][inside].astype(np.float64) for name in FIELDS},
    )
