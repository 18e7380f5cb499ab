"""What an interrupted run left behind: its configuration, its phases and its raw tables, but no figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llenergymeasure.domain.trace import Phase
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.report.summary.document import Document, Paragraph, Row, Rows
from llenergymeasure.report.summary.format import duration_text, plural
from llenergymeasure.results import layout
from llenergymeasure.results.tables import read_phases


@dataclass(frozen=True, kw_only=True)
class InterruptedRun:
    """The bundle of a run that was stopped; `table_rows` counts the rows of each raw table by file name."""

    bundle: Path
    config: str
    phases: tuple[Phase, ...]
    table_rows: dict[str, int]


def is_interrupted(bundle: Path) -> bool:
    """Say whether a folder holds raw tables without a result."""
    return (bundle / layout.PHASES).is_file() and not (bundle / layout.RESULT).exists()


def read_interrupted_run(bundle: Path) -> InterruptedRun:
    """Read what is left of an interrupted run.

    Raises:
        ExperimentError: a file of it is missing or broken.
    """
    from pyarrow import ArrowInvalid

    try:
        return InterruptedRun(
            bundle=bundle,
            config=(bundle / layout.CONFIG).read_text(encoding="utf-8"),
            phases=read_phases(bundle / layout.PHASES),
            table_rows={name: _count_rows(bundle / name) for name in (layout.TRACE, layout.REQUESTS)},
        )
    except (OSError, ValueError, TypeError, ArrowInvalid) as error:
        raise ExperimentError(f"{bundle} cannot be read as an interrupted run: {error}") from None


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
        "bundle": str(run.bundle),
        "config": run.config,
        "phases": [{**asdict(phase), "duration_s": phase.duration_s} for phase in run.phases],
        "table_rows": run.table_rows,
    }


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat + 1}"


def _broken_off(phase: Phase) -> str:
    return "" if phase.complete else "  (broken off)"


def _count_rows(file: Path) -> int:
    import pyarrow.parquet as pq

    count: int = pq.read_metadata(file).num_rows
    return count
