"""A result as plain lines, for a pipe or a file: aligned, and never wrapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llenergymeasure.domain.experiment import ExperimentResult, RunWarning
from llenergymeasure.report.summary.row import Row
from llenergymeasure.report.summary.rows import summary, title


def plain_text(result: ExperimentResult, bundle: Path) -> str:
    """Return the summary of a result, its warnings and where it lies."""
    sections = summary(result)
    rows = [row for section in sections for row in section.rows]
    widths = max(len(row.label) for row in rows), max(len(row.value) for row in rows if row.tone != "unknown")
    lines = [title(result), ""]
    for section in sections:
        lines += [*(_line(row, *widths) for row in section.rows), ""]
    lines += warning_lines(result.warnings)
    return "\n".join([*lines, f"Bundle: {bundle}", ""])


def warning_lines(warnings: Sequence[RunWarning]) -> Iterator[str]:
    """Yield two lines for each warning, and an empty one after the last."""
    for warning in warnings:
        yield f"{warning.severity} {warning.code}: {warning.message}"
        yield f"  → {warning.remedy}"
    if warnings:
        yield ""


def _line(row: Row, label_width: int, value_width: int) -> str:
    return f"{row.label:<{label_width}}  {row.value:<{value_width}}  {row.method or ''}".rstrip()
