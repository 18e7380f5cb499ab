"""What one tool did at one rate, and how it is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from benchmarks.report import machine

COLUMNS = (
    f"{'tool':10} {'asked/s':>8} {'due/s':>8} {'sent/s':>8} {'CPU ms/request':>15} {'TTFT error':>15} "
    f"{'TPOT error':>15} {'late by':>15} {'failed':>6}  misses"
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One tool at one rate; pairs are median and 99th percentile, None where a tool reports no single requests."""

    tool: str
    asked_per_s: float
    due_per_s: float
    """What the random schedule of this run asks for."""
    sent_per_s: float
    cpu_ms_per_request: float
    ttft_error_s: tuple[float, float] | None = None
    tpot_error_s: tuple[float, float] | None = None
    late_s: tuple[float, float] | None = None
    failed: int = 0
    told: str = ""
    """What a tool reports that has no column."""
    bars: Callable[[Run], list[str]] | None = None
    """Returns which bars are missed; None for tools that are not held to any."""

    def missed(self) -> list[str]:
        return [] if self.bars is None else self.bars(self)

    def as_json(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "bars"}
        return {**values, "missed": self.missed()}


def pair(values: Any) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    import numpy as np

    return float(np.median(values)), float(np.percentile(values, 99))


def header(title: str) -> str:
    """Return the head of the table."""
    here = machine()
    return f"{title} ({here['cores']} cores, Python {here['python']}); times in ms: median / 99th percentile\n{COLUMNS}"


def line(run: Run) -> str:
    """Return one line of the table."""
    return (
        f"{run.tool:10} {run.asked_per_s:8.0f} {run.due_per_s:8.1f} {run.sent_per_s:8.1f} "
        f"{run.cpu_ms_per_request:15.2f} {_shown(run.ttft_error_s):>15} {_shown(run.tpot_error_s):>15} "
        f"{_shown(run.late_s):>15} {run.failed:6}  {', '.join(run.missed()) or run.told}"
    )


def _shown(values: tuple[float, float] | None) -> str:
    return "-" if values is None else f"{values[0] * 1e3:.2f} / {values[1] * 1e3:.2f}"
