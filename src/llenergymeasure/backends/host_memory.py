"""The peak of resident memory of this process, or of several."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Callable, Collection
from pathlib import Path

logger = logging.getLogger(__name__)

_RESET_PEAK_RSS = "5"


def this_process() -> Collection[int]:
    """Return the id of this process alone."""
    return (os.getpid(),)


class HostPeak:
    """The peak resident memory of processes, this one by default; of several, the sum of the peak of each.

    Linux resets its high-water mark on request (proc(5), /proc/pid/clear_refs). Where it does not, the peak since the
    process began is all there is, and it goes by another name.
    """

    def __init__(
        self, processes: Callable[[], Collection[int]] = this_process, proc: Path = Path("/proc")
    ) -> None:
        self._processes = processes
        self._proc = proc
        self._since_reset: frozenset[int] = frozenset()

    def reset(self) -> None:
        """Begin a new peak of each process."""
        self._since_reset = frozenset(pid for pid in self._processes() if self._reset(pid))

    def read(self) -> dict[str, int]:
        """Return bytes under `host`, or `host_since_start` where a peak could not be reset."""
        peaks = {pid: _high_water_mark(self._proc / str(pid)) for pid in self._processes()}
        total = sum(peak or 0 for peak in peaks.values())
        if total and self._since_reset >= peaks.keys():
            return {"host": total}
        return {"host_since_start": total or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}

    def _reset(self, pid: int) -> bool:
        try:
            (self._proc / str(pid) / "clear_refs").write_text(_RESET_PEAK_RSS, encoding="ascii")
        except OSError as error:
            logger.debug("the peak of host memory of process %d cannot be reset: %s", pid, error)
            return False
        return True


def _high_water_mark(process: Path) -> int | None:
    try:
        status = (process / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    line = next((each for each in status.splitlines() if each.startswith("VmHWM:")), None)
    return None if line is None else int(line.split()[1]) * 1024
