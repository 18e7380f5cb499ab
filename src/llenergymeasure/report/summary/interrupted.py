"""What an interrupted run left behind: its configuration, its phases and its raw tables, but no figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llenergymeasure.domain.trace import Phase
from llenergymeasure.report.summary.document import Document, Paragraph, Row, Rows
from llenergymeasure.report.summary.format import duration_text, plural
from llenergymeasure.results import layout
from llenergymeasure.results.opening import Bundle


@dataclass(frozen=True, kw_only=True)
class InterruptedRun:
    """The bundle of a run that was stopped; `table_rows` counts the rows of each raw table by file name."""

    bundle: Path
    config: str
    phases: tuple[Phase, ...]
    table_rows: dict[str, int]
    reason: str | None = None
    """Why the run ended."""


def read_interrupted_run(bundle: Bundle) -> InterruptedRun:
    """Read what is left of an interrupted run.

    Raises:
        ExperimentError: a file of it is missing or broken.
    """
    return InterruptedRun(
        bundle=bundle.path,
        config=bundle.config_text,
        phases=bundle.phases,
        table_rows={name: bundle.count_rows(name) for name in (layout.TRACE, layout.REQUESTS)},
        reason=bundle.facts.interrupted,
    )


def interrupted_document(run: InterruptedRun) -> Document:
    """Return the phases and raw tables of an interrupted run, and how to repeat it."""
    phases = tuple(
        Row(label=_name(phase), value=duration_text(phase.duration_s) + _broken_off(phase))
        for phase in run.phases
    )
    tables = tuple(Row(label=name, value=plural(count, "row")) for name, count in run.table_rows.items())
    return Document(
        title="This run was interrupted: there is no result, but what was measured until then is kept.",
        blocks=(
            Rows(rows=phases) if phases else Paragraph(text="It was stopped before its first phase ended."),
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
        "phases": [{**asdict(phase), "duration_s": phase.duration_s} for phase in run.phases],
        "table_rows": run.table_rows,
    }


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat + 1}"


def _broken_off(phase: Phase) -> str:
    return "" if phase.complete else "  (broken off)"
