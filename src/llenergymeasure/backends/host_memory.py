"""Peak memory of this process on the host."""

from __future__ import annotations

import logging
import resource
from pathlib import Path

logger = logging.getLogger(__name__)

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK_RSS = "5"


class HostPeak:
    """The peak resident memory of this process.

    Linux resets its high-water mark on request (proc(5), /proc/pid/clear_refs). Where it does not, the peak since the
    process began is all there is, and it goes by another name.
    """

    def __init__(self) -> None:
        self._since_reset = False

    def reset(self) -> None:
        try:
            _CLEAR_REFS.write_text(_RESET_PEAK_RSS, encoding="ascii")
            self._since_reset = True
        except OSError as error:
            logger.debug("the peak of host memory cannot be reset: %s", error)
            self._since_reset = False

    def read(self) -> dict[str, int]:
        """Return bytes under `host`, or `host_since_start` where the peak could not be reset."""
        if self._since_reset:
            peak = _high_water_mark()
            if peak is not None:
                return {"host": peak}
        return {"host_since_start": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _high_water_mark() -> int | None:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
