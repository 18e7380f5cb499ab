"""What an interrupted run left behind: its configuration, its phases and its raw tables, but no figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from llenergymeasure.domain.trace import Phase
from llenergymeasure.exceptions import ExperimentError
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


def print_interrupted_run(remains: InterruptedRun, out: IO[str]) -> None:
    """Print what there is, in plain lines."""
    lines = ["This run was interrupted: there is no result, but what was measured until then is kept.", ""]
    lines += [
        f"{_name(phase):<32}{duration_text(phase.duration_s)}{_broken_off(phase)}" for phase in remains.phases
    ]
    lines += ["" if remains.phases else "It was stopped before its first phase ended."]
    lines += [f"{name:<32}{plural(count, 'row')}" for name, count in remains.table_rows.items()]
    lines += ["", f"Repeat it: llem run {remains.bundle / layout.CONFIG}", f"Bundle: {remains.bundle}", ""]
    out.write("\n".join(lines))


def interrupted_run_json(remains: InterruptedRun) -> dict[str, Any]:
    """Return what there is as a JSON document."""
    return {
        "interrupted": True,
        "bundle": str(remains.bundle),
        "config": remains.config,
        "phases": [{**asdict(phase), "duration_s": phase.duration_s} for phase in remains.phases],
        "table_rows": remains.table_rows,
    }


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat + 1}"


def _broken_off(phase: Phase) -> str:
    return "" if phase.complete else "  (broken off)"


def _count_rows(file: Path) -> int:
    import pyarrow.parquet as pq

    count: int = pq.read_metadata(file).num_rows
    return count
