"""Where the readings of a sensor lapse: pauses of the sampling, refusals, values that stand still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Phase

LONGEST_GAP_S = 0.5
USUAL_GAPS = 10.0
"""A pause is longer than both: half a second, and so many usual gaps between readings."""
FEW_CHANGES = 10
STANDS_S = 2.0
STANDS_PERIODS = 20.0
"""A value that stays for longer than both, two seconds and so many usual times between changes, stands still."""
NEVER_MOVED_S = 5.0
"""How long a value may stay where it hardly ever changed, so that nothing is known of what is usual."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A stretch of the trace, Unix time; `value` is what the sensor showed all the while, where it showed anything."""

    start_ns: int
    end_ns: int
    value: float | None = None

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    def touches(self, windows: Sequence[Phase]) -> bool:
        """Whether any of it lies within one of the windows."""
        return any(
            self.start_ns < window.end_unix_ns and window.start_unix_ns < self.end_ns for window in windows
        )


def find_sampling_gaps(samples: NDArray[Any]) -> tuple[Gap, ...]:
    """Return where one channel, whose samples these are, was not asked for far longer than usual."""
    times_ns = samples["t_unix_ns"]
    if len(times_ns) < 3:
        return ()
    gaps_s = np.diff(times_ns) / 1e9
    long = gaps_s > max(LONGEST_GAP_S, USUAL_GAPS * float(np.median(gaps_s)))
    return tuple(_between(times_ns, at, at + 1) for at in np.flatnonzero(long))


def find_stale_power_gap(samples: NDArray[Any]) -> tuple[Gap, ...]:
    """Return where the power reading of a channel repeated itself to the last digit for far longer than usual.

    A sensor that works flickers; one whose driver hangs shows its last value again and again.
    """
    read = samples[np.isfinite(samples["power_w"])]
    if len(read) < 3:
        return ()
    changed = np.flatnonzero(np.diff(read["power_w"]) != 0) + 1
    first, last = np.append(0, changed), np.append(changed - 1, len(read) - 1)
    stood_s = (read["t_unix_ns"][last] - read["t_unix_ns"][first]) / 1e9
    longest_s = NEVER_MOVED_S
    if len(changed) >= FEW_CHANGES:
        period_s = float(np.median(np.diff(read["t_unix_ns"][changed]))) / 1e9
        longest_s = max(STANDS_S, STANDS_PERIODS * period_s)
    return tuple(
        _between(read["t_unix_ns"], first[at], last[at], float(read["power_w"][first[at]]))
        for at in np.flatnonzero(stood_s > longest_s)
    )


def within(samples: NDArray[Any], windows: Iterable[Phase]) -> NDArray[Any]:
    """Return the samples that were taken in one of the windows."""
    times_ns = samples["t_unix_ns"]
    inside = np.zeros(len(samples), dtype=bool)
    for window in windows:
        inside |= (times_ns >= window.start_unix_ns) & (times_ns < window.end_unix_ns)
    chosen: NDArray[Any] = samples[inside]
    return chosen


def _between(times_ns: NDArray[Any], first: Any, last: Any, value: float | None = None) -> Gap:
    return Gap(start_ns=int(times_ns[first]), end_ns=int(times_ns[last]), value=value)
