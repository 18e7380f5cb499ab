"""What raw tables must agree on, and what no figure shows: order, nesting and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.results import layout


def trace_contradictions(trace: EnergyTrace) -> Iterator[Finding]:
    """Yield what is wrong within a trace."""
    import numpy as np

    for index, channel in enumerate(trace.channels):
        samples = trace.of(index)
        back = int((np.diff(samples["t_unix_ns"]) < 0).sum())
        if back:
            yield Finding(
                file=layout.TRACE,
                field="t_unix_ns",
                message=f"the time of {channel.label} runs backwards {_times(back)}",
            )
        for name in ("energy_j", "power_w"):
            endless = int(np.isinf(samples[name]).sum())
            if endless:
                message = f"{channel.label} is infinite {_times(endless)}"
                yield Finding(file=layout.TRACE, field=name, message=message)


def phase_contradictions(phases: Sequence[Phase]) -> Iterator[Finding]:
    """Yield what is wrong with the order of phases and with the numbers of windows."""
    backwards = [phase for phase in phases if phase.end_unix_ns < phase.start_unix_ns]
    for phase in backwards:
        yield Finding(file=layout.PHASES, field=_name(phase), message="ends before it starts")
    for before, after in pairwise(phases):
        if after.start_unix_ns < before.start_unix_ns:
            message = f"starts before {_name(before)}, which stands above it"
            yield Finding(file=layout.PHASES, field=_name(after), message=message)
    windows = [phase for phase in phases if phase.name == "window"]
    for before, after in pairwise(windows):
        if after.start_unix_ns < before.end_unix_ns:
            yield Finding(file=layout.PHASES, field=_name(after), message=f"overlaps {_name(before)}")
    if [window.repeat for window in windows] != list(range(len(windows))):
        numbers = ", ".join(str(window.repeat) for window in windows[:20])
        message = f"windows are numbered {numbers} instead of 0, 1, 2..."
        yield Finding(file=layout.PHASES, field="repeat", message=message)


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
