"""What the windows of all sessions come to: the error of each tool in each cell, and what ours is held to."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.accuracy.cells import CELLS, Cell
from benchmarks.accuracy.session import OURS, POLLING, Found, Refused
from benchmarks.report import machine, write

from tests.simulators.nvml.machine import NvmlMachine

PEERS = ("zeus", "codecarbon")
TITLES = {OURS: "ours", "zeus": "Zeus", "codecarbon": "CodeCarbon", POLLING: "polling 100 ms"}
LENGTHS_S = (1.0, 3.0, 10.0)
TIE = 0.0002
"""Of the energy: tools that are closer to each other than this are level."""
COUNTER_BARS = {1.0: (0.005, 0.02), 10.0: (0.001, None)}
"""Mean and 95th percentile that ours may be off on a card with a counter, by length of the window."""


@dataclass(frozen=True, kw_only=True)
class Error:
    """Relative errors of a tool in a cell, over windows of one length; `reason` where there is none."""

    windows: int = 0
    mean: float | None = None
    p95: float | None = None
    bias: float | None = None
    worst: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    profile: str
    course: str
    length_s: float
    errors: dict[str, Error]
    holds: dict[str, bool]
    """By bar, whether ours holds it."""


@dataclass(kw_only=True)
class Score:
    """Relative errors and refusals, as they come in."""

    errors: dict[tuple[str, float, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, observed: Iterable[Found | Refused], machine: NvmlMachine, cells: Sequence[Cell]) -> None:
        for each in observed:
            cell = cells[each.card]
            if isinstance(each, Refused):
                self.refusals[cell.name, each.tool] = each.reason
            else:
                truth_j = machine.true_energy_j(each.card, each.start_ns, each.end_ns)
                self.errors[cell.name, each.length_s, each.tool].append(each.energy_j / truth_j - 1)

    def rows(self) -> list[Row]:
        return [self._row(cell, length_s) for cell in CELLS for length_s in LENGTHS_S]

    def _row(self, cell: Cell, length_s: float) -> Row:
        errors = {tool: self._error(cell, length_s, tool) for tool in TITLES}
        return Row(
            profile=cell.profile.name,
            course=cell.course,
            length_s=length_s,
            errors=errors,
            holds=_held_bars(errors, cell.profile.tick_s is not None, length_s),
        )

    def _error(self, cell: Cell, length_s: float, tool: str) -> Error:
        errors = self.errors[cell.name, length_s, tool]
        if not errors:
            return Error(reason=self._reason(cell, tool))
        sizes = sorted(abs(each) for each in errors)
        return Error(
            windows=len(errors),
            mean=statistics.fmean(sizes),
            p95=sizes[min(round(0.95 * len(sizes)), len(sizes) - 1)],
            bias=statistics.fmean(errors),
            worst=sizes[-1],
            reason=self.refusals.get((cell.name, tool)) if tool == OURS else None,
        )

    def _reason(self, cell: Cell, tool: str) -> str:
        if tool in PEERS and importlib.util.find_spec(tool) is None:
            return "not installed"
        return self.refusals.get((cell.name, tool), "no window")


def publish_score(score: Score) -> None:
    """Print the table and write `out/accuracy.json`."""
    rows = score.rows()
    versions = {tool: _version(tool) for tool in PEERS}
    write("accuracy", {"peers": versions, "bars": _stated_bars(), "rows": [asdict(row) for row in rows]})
    said = ", ".join(f"{tool} {version}" for tool, version in versions.items())
    here = machine()
    print(f"\naccuracy ({here['cores']} cores, Python {here['python']}; {said})")
    print("error of the energy in % of the truth: mean / 95th percentile / bias")
    print(f"{'':40} {'windows':>7}  " + "  ".join(f"{title:>20}" for title in TITLES.values()) + "  held")
    for row in rows:
        name = f"{row.profile}, {row.course}, {row.length_s:.0f} s"
        figures = "  ".join(f"{_figures(row.errors[tool]):>20}" for tool in TITLES)
        held = ", ".join(f"{bar} {'yes' if holds else 'NO'}" for bar, holds in row.holds.items())
        print(f"{name:40} {row.errors[OURS].windows:7}  {figures}  {held}")
    reasons = {
        f"{TITLES[tool]}: {error.reason}"
        for row in rows
        for tool, error in row.errors.items()
        if error.reason
    }
    for reason in sorted(reasons):
        print(f"- {reason}")


def _held_bars(errors: dict[str, Error], has_counter: bool, length_s: float) -> dict[str, bool]:
    ours = errors[OURS]
    if ours.mean is None or ours.p95 is None:
        return {"measured": False}
    others = [error for tool, error in errors.items() if tool != OURS]
    held = {
        "lowest": all(
            (other.mean is None or ours.mean <= other.mean + TIE)
            and (other.p95 is None or ours.p95 <= other.p95 + TIE)
            for other in others
        )
    }
    mean, p95 = COUNTER_BARS.get(length_s, (None, None)) if has_counter else (None, None)
    if mean is not None:
        held[f"mean {mean:.1%}"] = ours.mean <= mean
    if p95 is not None:
        held[f"p95 {p95:.0%}"] = ours.p95 <= p95
    return held


def _stated_bars() -> dict[str, object]:
    return {"tie": TIE, "with a counter": {f"{length:g} s": bars for length, bars in COUNTER_BARS.items()}}


def _figures(error: Error) -> str:
    if error.mean is None or error.p95 is None or error.bias is None:
        return "-"
    return f"{error.mean * 100:.2f} / {error.p95 * 100:.2f} / {error.bias * 100:+.2f}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
