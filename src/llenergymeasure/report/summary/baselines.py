"""The idle machine beside the figures, as rows."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.summary.format import duration_text, quantity
from llenergymeasure.report.summary.row import Row
from llenergymeasure.report.summary.unknown import why_unknown

POWERS = (
    ("idle_power_w", "Idle power"),
    ("context_power_w", "Idle power, context created"),
    ("loaded_power_w", "Idle power, model loaded"),
)


def baseline_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield the power of each baseline, or why it is not known; a CPU has no context and no row for it."""
    for name, label in POWERS:
        power_w: float | None = getattr(result.energy, name)
        if power_w is not None:
            value = quantity(power_w, "W") + (_age(result) if name == "idle_power_w" else "")
            yield Row(label=label, value=value, method=result.energy.method)
        elif name != "context_power_w" or result.device != "cpu":
            reason = why_unknown(result, name)
            yield Row(label=label, value=f"unknown: {reason}", tone="unknown")


def _age(result: ExperimentResult) -> str:
    """Return how old the bare idle power is, where it is a former run's."""
    if result.baseline is None or result.baseline.age_s is None:
        return ""
    return f" (measured {duration_text(result.baseline.age_s)} before)"
