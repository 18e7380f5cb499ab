"""Peak memory of a run."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.trace import Phase, complete_windows


def peak_memory(phases: Sequence[Phase]) -> dict[str, int]:
    """Return the most memory in use within any complete window, in bytes by device; a device may miss in some."""
    peaks: dict[str, int] = {}
    for window in complete_windows(phases):
        for device, size in window.peak_memory_bytes:
            peaks[device] = max(size, peaks.get(device, size))
    return peaks
