"""What an interrupted run left behind: its configuration, the phases that it measured, and its raw tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.quiet import quiet_intervals
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.breakdown import energy_method
from llenergymeasure.report.summary.document import Document, Paragraph, Row, Rows
from llenergymeasure.report.summary.format import duration_text, plural, quantity
from llenergymeasure.results import layout
from llenergymeasure.results.opening import Bundle


@dataclass(frozen=True, kw_only=True)
class InterruptedRun:
    """The bundle of a run that was stopped; `table_rows` counts the rows of each raw table by file name."""

    bundle: Path
    config: str
    phases: tuple[Phase, ...]
    energies: tuple[TotalEnergy, ...]
    """Of each phase."""
    output_tokens: tuple[int | None, ...]
    """Of each complete window; None for other phases."""
    method: Method | None
    """How the energies were measured."""
    table_rows: dict[str, int]
    reason: str | None = None
    """Why the run ended."""


def read_interrupted_run(bundle: Bundle) -> InterruptedRun:
    """Read what is left of an interrupted run.

    Raises:
        ExperimentError: a file of it is missing or broken.
    """
    account = EnergyAccount(bundle.trace, quiet_intervals(bundle.phases, bundle.requests))
    windows = {
        row.window: row.output_tokens for row in window_totals(account, bundle.phases, bundle.requests)
    }
    return InterruptedRun(
        bundle=bundle.path,
        config=bundle.config_text,
        phases=bundle.phases,
        energies=tuple(account.energy(phase) for phase in bundle.phases),
        output_tokens=tuple(windows.get(phase) for phase in bundle.phases),
        method=energy_method(account),
        table_rows={name: bundle.count_rows(name) for name in (layout.TRACE, layout.REQUESTS)},
        reason=bundle.facts.interrupted,
    )


def interrupted_document(run: InterruptedRun) -> Document:
    """Return the phases and raw tables of an interrupted run, and how to repeat it."""
    phases = tuple(_phase_rows(run))
    tables = tuple(Row(label=name, value=plural(count, "row")) for name, count in run.table_rows.items())
    return Document(
        title="This run was interrupted: there is no result. What was measured until then, as it was metered:",
        blocks=(
            Rows(rows=phases) if phases else Paragraph(text="It was stopped before its first phase ended."),
            *_without_energy(run),
            Rows(rows=tables),
            Paragraph(text=f"Repeat it: llem run {run.bundle / layout.CONFIG}", copied=True),
            Paragraph(text=f"Bundle: {run.bundle}", copied=True),
        ),
    )


def interrupted_run_json(run: InterruptedRun) -> dict[str, Any]:
    """Return what there is as a JSON document."""
    return {
        "interrupted": True,
        "reason": run.reason,
        "bundle": str(run.bundle),
        "config": run.config,
        "phases": [
            {
                **asdict(phase),
                "duration_s": phase.duration_s,
                "energy_j": energy.energy_j,
                "output_tokens": tokens,
            }
            for phase, energy, tokens in zip(run.phases, run.energies, run.output_tokens, strict=True)
        ],
        "energy_method": run.method,
        "table_rows": run.table_rows,
    }


def _phase_rows(run: InterruptedRun) -> Iterator[Row]:
    for phase, energy, tokens in zip(run.phases, run.energies, run.output_tokens, strict=True):
        parts = [duration_text(phase.duration_s)]
        if energy.energy_j is not None:
            parts.append(quantity(energy.energy_j, "J"))
        if tokens is not None:
            parts.append(f"{tokens:,} output tokens")
        if energy.energy_j is not None and tokens:
            parts.append(quantity(energy.energy_j / tokens, "J/token"))
        known = energy.energy_j is not None
        yield Row(
            label=_name(phase),
            value=", ".join(parts) + _broken_off(phase),
            method=run.method if known else None,
        )


def _without_energy(run: InterruptedRun) -> Iterator[Paragraph]:
    """Yield why energies are unknown, each reason once."""
    for reason in dict.fromkeys(each.reason for each in run.energies if each.energy_j is None):
        yield Paragraph(
            text=f"Energy unknown where none is shown: {reason or 'no meter was read'}.", tone="unknown"
        )


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat + 1}"


def _broken_off(phase: Phase) -> str:
    return "" if phase.complete else "  (broken off)"
