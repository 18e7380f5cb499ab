"""How the system holds up our processes within a window: suspended, out of quota, waiting for a processor."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from llenergymeasure.core.container import Throttling, cpu_limit_cores, read_throttling
from llenergymeasure.core.machine_load import own_processes, read_run_delays
from llenergymeasure.domain.interference import HoldUp

BUSY_FRACTION = 0.1
"""Of the window: a thread that wants a processor for less holds nothing up; a judgement."""
WORKING_SHARE = 0.25
"""Of what the busiest thread ran: one that ran for less did none of the work that is measured, which threads share in
equal parts; a judgement. Helpers (a pool that is idle, the sampler) wait long for the little that they do."""


class HoldUpWatch:
    """Reads what the kernel counts, before a window and after it; both looks lie outside of the window."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._throttling = read_throttling(root)
        self._asleep_s = _asleep_s()
        self._delays = read_run_delays(_measuring())
        self._start_s = time.monotonic()

    def look(self, repeat: int) -> HoldUp:
        """Return what was counted since."""
        duration_s = time.monotonic() - self._start_s
        asleep_s = _asleep_s()
        quota = _quota(self._throttling, read_throttling(self._root))
        return HoldUp(
            repeat=repeat,
            duration_s=duration_s,
            suspended_s=_rounded(asleep_s, self._asleep_s),
            waiting_fraction=_waiting_fraction(
                self._delays, read_run_delays(_measuring()), duration_s, _per_processor(quota)
            ),
            quota_cores=cpu_limit_cores(self._root),
            quota_periods=quota[0] if quota else None,
            quota_throttled_periods=quota[1] if quota else None,
            quota_throttled_s=quota[2] if quota else None,
        )


def _measuring() -> set[int]:
    """This process and those it started: the backend's engine, the sampler."""
    return {*own_processes()} - {os.getppid()}


def _asleep_s() -> float | None:
    """Return for how long the machine was suspended since it was started (clock_gettime(2), CLOCK_BOOTTIME)."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _rounded(after_s: float | None, before_s: float | None) -> float | None:
    """Return the difference in whole milliseconds: the two clocks are read one after the other."""
    return None if after_s is None or before_s is None else max(0.0, round(after_s - before_s, 3))


def _quota(before: Throttling, after: Throttling) -> tuple[int, int, float] | None:
    """Return periods, throttled periods and throttled seconds of the group that was held up most."""
    grown = [
        (
            count.periods - before[group].periods,
            count.throttled_periods - before[group].throttled_periods,
            count.throttled_s - before[group].throttled_s,
        )
        for group, count in after.items()
        if group in before
    ]
    return max(grown, key=lambda each: each[1], default=None)


def _per_processor(quota: tuple[int, int, float] | None) -> float:
    """Return for how long one thread was stopped by a quota; the kernel adds that up over the processors."""
    return quota[2] / (os.cpu_count() or 1) if quota else 0.0


def _waiting_fraction(
    before: Mapping[int, tuple[float, float]],
    after: Mapping[int, tuple[float, float]],
    duration_s: float,
    throttled_s: float,
) -> float | None:
    """Return the largest share of its demand for which a thread that did the work waited; it holds up all others.

    The kernel counts the stops of a quota as waiting too; these are told by themselves and left out.
    """
    if not after:
        return None
    grown: list[tuple[float, float]] = []
    for thread, (ran_s, waited_s) in after.items():
        ran_before_s, waited_before_s = before.get(thread, (0.0, 0.0))
        grown.append((ran_s - ran_before_s, max(waited_s - waited_before_s - throttled_s, 0.0)))
    least_s = WORKING_SHARE * max(ran for ran, _ in grown)
    shares = [
        waited / (ran + waited)
        for ran, waited in grown
        if ran >= least_s and ran + waited > BUSY_FRACTION * duration_s
    ]
    return min(max(shares, default=0.0), 1.0)
