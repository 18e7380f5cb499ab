"""The CPU time of the machine, and whether it advances as it must."""

from __future__ import annotations

import os

from llenergymeasure.core.clock import Clock
from llenergymeasure.exceptions import MeterUnavailable

FIRST_S = 0.1
"""Ten ticks of CPU time."""
LOOK_EVERY_S = 0.005
JUDGED_EVERY_S = 1.0
LEAST_PACE = 0.5
"""Of the CPU time that must pass; less is not the rounding of ticks."""


class Pace:
    """Whether the CPU time of the machine advances as it must: by the time that passes on every CPU, idle or busy.

    Sandboxes show a /proc/stat that stands still (gVisor), others one that has some of the CPUs only: then it says
    nothing about the load.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        """Wait until the CPU time moves, 10 ms on a system that counts it, and `FIRST_S` at most."""
        first, started_ns = cpu_times(path)[1], clock.now_ns()
        self.is_still, self._is_judged = True, False
        while self.is_still and clock.now_ns() - started_ns < FIRST_S * 1e9:
            clock.sleep(LOOK_EVERY_S)
            self.is_still = cpu_times(path)[1] <= first
        self._from = (clock.now_ns(), cpu_times(path)[1])
        self._ticks_per_s = os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)

    def look(self, now_ns: int, total: float) -> bool:
        """Return whether the total stands still, or runs at less than half its pace; judged once a second."""
        elapsed_s, advance = (now_ns - self._from[0]) / 1e9, total - self._from[1]
        if elapsed_s >= JUDGED_EVERY_S or advance < 0:
            self.is_still = advance < LEAST_PACE * elapsed_s * self._ticks_per_s
            self._from, self._is_judged = (now_ns, total), True
        elif self.is_still and not self._is_judged and advance > 0:
            self.is_still, self._from = False, (now_ns, total)
        return self.is_still


def stat_path() -> str:
    """Return the file that has the CPU time: where `psutil.PROCFS_PATH` says that /proc is."""
    import psutil

    return os.path.join(psutil.PROCFS_PATH, "stat")


def cpu_times(path: str) -> tuple[float, float]:
    """Return busy and total CPU time since boot, in clock ticks over all CPUs (proc(5), `/proc/stat`).

    Time stolen by a hypervisor for other guests and time waiting for I/O count as not busy. Guest time is already
    inside user time.

    Raises:
        MeterUnavailable: this kernel has no such file.
    """
    try:
        with open(path, encoding="ascii") as file:
            fields = [float(word) for word in file.readline().split()[1:9]]
    except OSError as error:
        raise MeterUnavailable(f"CPU time cannot be read, which only Linux reports: {error}") from None
    except ValueError:
        raise MeterUnavailable(f"{path} does not hold the CPU time as Linux does") from None
    user, nice, system, idle, iowait, irq, softirq, steal = fields + [0.0] * (8 - len(fields))
    busy = user + nice + system + irq + softirq
    return busy, busy + idle + iowait + steal
