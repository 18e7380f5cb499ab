"""Power over a run, with its phases, as a line of characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.report.summary.document import Mark, Sparkline
from llenergymeasure.report.summary.format import duration_text, quantity
from llenergymeasure.results.opening import Bundle

POINTS = 240
"""As many columns as a wide terminal has; a narrower one shows the mean of several."""
SHORT_NAMES = {
    "cooldown": "cool-down",
    "baseline_check": "check",
    "baseline_idle": "idle",
    "attach": "attach",
    "baseline_context": "context",
    "load": "load",
    "prepare": "prepare",
    "baseline_loaded": "loaded",
    "cache_fill": "fill",
    "warmup": "warm-up",
}


def power_chart(bundle: Bundle) -> Sparkline | None:
    """Return the total power from the first phase to the last; None where no energy was read.

    Raises:
        ExperimentError: a table of the bundle cannot be read.
    """
    import numpy as np

    phases = bundle.phases
    if not phases:
        return None
    start_ns, end_ns = min(each.start_unix_ns for each in phases), max(each.end_unix_ns for each in phases)
    edges_ns = np.linspace(0, end_ns - start_ns, POINTS + 1).astype(np.int64) + start_ns
    energies = EnergyAccount(bundle.trace).total_energies(edges_ns[:-1], edges_ns[1:])
    power_w = energies.energy_j / (np.diff(edges_ns) / 1e9)
    known = power_w[np.isfinite(power_w)]
    if not len(known):
        return None
    most_w = max(float(known.max()), 0.0)
    length = duration_text((end_ns - start_ns) / 1e9)
    return Sparkline(
        heading=f"Power over {length}, from 0 to {quantity(most_w, 'W')}",
        levels=tuple(None if np.isnan(each) else float(each / most_w) if most_w else 0.0 for each in power_w),
        marks=tuple(_marks(phases, start_ns, end_ns)),
    )


def _marks(phases: Sequence[Phase], start_ns: int, end_ns: int) -> Iterator[Mark]:
    for phase in sorted(phases, key=lambda each: each.start_unix_ns):
        name = SHORT_NAMES.get(phase.name) or f"window {_number(phase)}"
        at = (phase.start_unix_ns - start_ns) / max(end_ns - start_ns, 1)
        yield Mark(at=at, text=name, short=_number(phase))


def _number(phase: Phase) -> str:
    """Return the number of a window as people count, from 1; nothing for a phase without one."""
    return "" if phase.repeat is None else str(phase.repeat + 1)
