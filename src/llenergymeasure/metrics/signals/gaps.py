"""Gaps in the readings of a sensor: pauses of the sampling, and values that are stale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Phase

LONGEST_GAP_S = 0.5
USUAL_GAPS = 10.0
"""A pause is longer than both: half a second, five periods of the slowest sensor known; ten periods of the meter."""
FEW_CHANGES = 10
STALE_S = 2.0
STALE_PERIODS = 20.0
"""A value is stale that stays for longer than both: two seconds, and twenty usual times between changes."""
STALE_UNCHANGED_S = 5.0
"""The same where a value changed fewer than ten times, so that no usual time between changes is known."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A gap in the readings, Unix time; `value` is the constant reading where it is a stale one."""

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


def find_sampling_gaps(samples: NDArray[Any], period_s: float | None) -> tuple[Gap, ...]:
    """Return the pauses in the samples of one channel: gaps far longer than `period_s`, the period of its meter.

    Where that is not known (None), far longer than usual.
    """
    times_ns = samples["t_unix_ns"]
    if len(times_ns) < 3:
        return ()
    gaps_s = np.diff(times_ns) / 1e9
    usual_s = float(np.median(gaps_s)) if period_s is None else period_s
    long = gaps_s > max(LONGEST_GAP_S, USUAL_GAPS * usual_s)
    return tuple(_between(times_ns, at, at + 1) for at in np.flatnonzero(long))


def gaps_in(samples: NDArray[Any], windows: Iterable[Phase]) -> NDArray[np.float64]:
    """Return the times in seconds between two samples of which at least a part lies within one of the windows."""
    times_ns = samples["t_unix_ns"]
    touches = np.zeros(max(len(times_ns) - 1, 0), dtype=bool)
    for window in windows:
        touches |= (times_ns[:-1] < window.end_unix_ns) & (times_ns[1:] > window.start_unix_ns)
    gaps_s: NDArray[np.float64] = np.diff(times_ns)[touches] / 1e9
    return gaps_s


def find_stale_power_gaps(samples: NDArray[Any]) -> tuple[Gap, ...]:
    """Return where the power reading of a channel stayed the same to the last digit for far longer than usual.

    The readings of a sensor that works vary; one whose driver hangs shows its last value again and again.
    """
    read = samples[np.isfinite(samples["power_w"])]
    if len(read) < 3:
        return ()
    changed = np.flatnonzero(np.diff(read["power_w"]) != 0) + 1
    first, last = np.append(0, changed), np.append(changed - 1, len(read) - 1)
    constant_s = (read["t_unix_ns"][last] - read["t_unix_ns"][first]) / 1e9
    longest_s = STALE_UNCHANGED_S
    if len(changed) >= FEW_CHANGES:
        period_s = float(np.median(np.diff(read["t_unix_ns"][changed]))) / 1e9
        longest_s = max(STALE_S, STALE_PERIODS * period_s)
    return tuple(
        _between(read["t_unix_ns"], first[at], last[at], float(read["power_w"][first[at]]))
        for at in np.flatnonzero(constant_s > longest_s)
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
