"""How warm the devices were when the run began to measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llenergymeasure.domain.experiment import CooldownSummary
from llenergymeasure.domain.trace import EnergyTrace, Phase, hottest_c

STALE_NS = 2_000_000_000
"""Older readings say nothing of now; temperatures are read several times a second."""
FIRST, LAST = 0, -1


def summarise_cooldown(
    trace: EnergyTrace, phases: Sequence[Phase], limit_c: float | None
) -> CooldownSummary | None:
    """Return what the wait for `limit_c` came to; None where there was none."""
    phase = next((phase for phase in phases if phase.name == "cooldown" and phase.complete), None)
    if phase is None or limit_c is None:
        return None
    after_c = _hottest_c(trace, phase.end_unix_ns - STALE_NS, phase.end_unix_ns, LAST)
    return CooldownSummary(
        limit_c=limit_c,
        duration_s=phase.duration_s,
        before_c=_hottest_c(trace, phase.start_unix_ns - STALE_NS, phase.end_unix_ns, FIRST),
        after_c=after_c,
        reached=after_c is not None and after_c <= limit_c,
    )


def _hottest_c(trace: EnergyTrace, from_ns: int, to_ns: int, which: int) -> float | None:
    """Return the temperature of the hottest device by each channel's first or last reading in an interval."""
    found: dict[int, float] = {}
    for index in range(len(trace.channels)):
        samples = trace.of(index)
        times = samples["t_unix_ns"]
        inside = (times >= from_ns) & (times <= to_ns) & np.isfinite(samples["temperature_c"])
        if inside.any():
            found[index] = float(samples["temperature_c"][inside][which])
    return hottest_c(trace.channels, found)
