"""A terminal: colours, and tables that fit its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from llenergymeasure.report.renderers.charts import chart_lines
from llenergymeasure.report.summary.document import (
    Bars,
    Block,
    Document,
    Grid,
    Notes,
    Paragraph,
    Row,
    Rows,
    Sparkline,
    Tone,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

NARROW = 72
"""Columns under which a value moves below its label, so that the longest figure with its method fits on a line."""
STYLES: dict[Tone, str] = {
    "figure": "bold",
    "detail": "",
    "unknown": "yellow",
    "good": "bold green",
    "info": "cyan",
    "warning": "yellow",
    "bad": "bold red",
}


def render(document: Document, out: IO[str]) -> None:
    """Draw a document on a terminal."""
    from rich.console import Console

    draw(document, Console(file=out, highlight=False))


def draw(document: Document, console: Console) -> None:
    """Draw a document as wide as a console is."""
    from rich.text import Text

    if document.title is not None:
        console.print(Text(f"\n{document.title}\n", style="bold"))
    for block in document.blocks:
        if isinstance(block, Paragraph) and block.copied:
            console.print(Text(block.text), soft_wrap=True)
        else:
            console.print(*_block(block, console.width), "", sep="\n")


def _block(block: Block, width: int) -> Iterator[RenderableType]:
    from rich.text import Text

    if isinstance(block, Paragraph):
        yield Text(block.text, style="" if block.tone == "figure" else STYLES[block.tone])
        return
    if not isinstance(block, Grid) and block.heading is not None:
        yield Text(block.heading, style="bold")
    if isinstance(block, Rows):
        yield from _stacked_rows(block.rows) if width < NARROW else [_rows(block.rows)]
    elif isinstance(block, Grid):
        yield from _stacked_grid(block) if width < NARROW else [_grid(block)]
    elif isinstance(block, (Bars, Sparkline)):
        yield from (Text(line, no_wrap=True) for line in chart_lines(block, width))
    else:
        yield _notes(block)


def _rows(rows: Sequence[Row]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    width = max((len(row.value) for row in rows if row.method), default=0)
    for row in rows:
        label = Text(row.label, style="dim" if row.tone == "detail" else "")
        value = Text(row.value, style=STYLES[row.tone])
        if row.method:  # a long value without one, such as a reason, moves no column
            gap = " " * (width - len(row.value) + 3)
            value = Text.assemble(value, gap, _method(row))
        table.add_row(label, value)
    return table


def _stacked_rows(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """Yield each value below its label."""
    from rich.padding import Padding
    from rich.text import Text

    for row in rows:
        yield Text(row.label, style="dim")
        value = Text(row.value, style=STYLES[row.tone])
        yield Padding(Text.assemble(value, "  ", _method(row)) if row.method else value, (0, 0, 0, 4))


def _method(row: Row) -> Text:
    from rich.text import Text

    return Text(row.method or "", style="bold yellow" if row.estimated else "dim")


def _grid(grid: Grid) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for name in grid.head:
        table.add_column(no_wrap=name != grid.head[-1])
    table.add_row(*(Text(name, style="dim") for name in grid.head))
    for line in grid.lines:
        table.add_row(*map(Text, line))
    return table


def _stacked_grid(grid: Grid) -> Iterator[RenderableType]:
    """Yield each line over its last cell."""
    from rich.padding import Padding
    from rich.text import Text

    for *cells, last in grid.lines:
        yield Text("  ".join(cells))
        yield Padding(Text(last, style="dim"), (0, 0, 0, 4))


def _notes(notes: Notes) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    drawn: list[RenderableType] = []
    for note in notes.notes:
        drawn.append(
            Text.assemble((f"{note.lead} ", STYLES[note.tone]), note.text) if note.lead else Text(note.text)
        )
        if note.remedy is not None:
            drawn.append(Padding(Text.assemble(("→ ", "bold"), note.remedy), (0, 0, 0, 2)))
    indent = 0 if notes.heading is None else 2
    return Padding(Group(*drawn), (0, 0, 0, indent))
