"""Plain lines, for a pipe or a file: aligned, and never wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from llenergymeasure.report.renderers.charts import chart_lines
from llenergymeasure.report.summary.document import (
    Bars,
    Block,
    Document,
    Grid,
    Note,
    Notes,
    Paragraph,
    Row,
    Rows,
    Sparkline,
)

INDENT = "  "
CHART_WIDTH = 80
"""Columns of a chart in a file, which has no width of its own."""
WIDEST_VALUE = 40
"""Characters of a value beside which methods align; a longer one, with a reason in it, would push all others away."""


def render(document: Document, out: IO[str]) -> None:
    """Write a document as lines of text."""
    out.write(plain_text(document))


def plain_text(document: Document) -> str:
    """Return a document as lines of text."""
    lines = [] if document.title is None else [document.title, ""]
    widths = _widths(document)
    for block in document.blocks:
        lines += [*_block(block, widths), ""]
    return "\n".join(lines)


def _widths(document: Document) -> tuple[int, int]:
    """Return the widths of labels and of values, the same in all blocks, so that columns align."""
    rows = [row for block in document.blocks if isinstance(block, Rows) for row in block.rows]
    values = (len(row.value) for row in rows if row.method and len(row.value) <= WIDEST_VALUE)
    return max((len(row.label) for row in rows), default=0), max(values, default=0)


def _block(block: Block, widths: tuple[int, int]) -> Iterator[str]:
    if isinstance(block, Rows):
        yield from _headed(block.heading, (_row(row, *widths) for row in block.rows))
    elif isinstance(block, Notes):
        yield from _headed(block.heading, (line for note in block.notes for line in _note(note)))
    elif isinstance(block, Grid):
        yield from _grid(block)
    elif isinstance(block, (Bars, Sparkline)):
        yield from _headed(block.heading, chart_lines(block, CHART_WIDTH - len(INDENT)))
    elif isinstance(block, Paragraph):
        yield block.text


def _headed(heading: str | None, lines: Iterator[str]) -> Iterator[str]:
    """Yield lines, indented below their heading where they have one."""
    if heading is None:
        yield from lines
        return
    yield heading
    yield from (INDENT + line for line in lines)


def _row(row: Row, label_width: int, value_width: int) -> str:
    return f"{row.label:<{label_width}}  {row.value:<{value_width}}  {row.method or ''}".rstrip()


def _note(note: Note) -> Iterator[str]:
    yield f"{note.lead} {note.text}".strip()
    if note.remedy is not None:
        yield f"{INDENT}→ {note.remedy}"


def _grid(grid: Grid) -> Iterator[str]:
    lines = (grid.head, *grid.lines)
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False))
        yield f"{INDENT}{'  '.join(cells)}  {line[-1]}".rstrip()
