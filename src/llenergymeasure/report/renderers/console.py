"""A result in the terminal: a table that fits its width; plain lines where the output is piped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from llenergymeasure.domain.experiment import ExperimentResult, RunWarning
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.format import NARROW
from llenergymeasure.report.summary.row import Row
from llenergymeasure.report.summary.rows import summary, title

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

STYLES = {
    "figure": "bold",
    "detail": "",
    "unknown": "yellow",
    "valid": "bold green",
    "valid_with_warnings": "bold yellow",
    "invalid": "bold red",
}
SEVERITIES = {"info": "cyan", "warning": "yellow", "invalid": "red"}


def print_result(result: ExperimentResult, bundle: Path, out: IO[str]) -> None:
    """Print the summary of a result, its warnings and where it lies."""
    if not out.isatty():
        out.write(plain_text(result, bundle))
        return
    from rich.console import Console

    render_result(result, bundle, Console(file=out, highlight=False))


def render_result(result: ExperimentResult, bundle: Path, console: Console) -> None:
    """Draw the summary as wide as the console is."""
    from rich.text import Text

    console.print()
    console.print(Text(title(result), style="bold"))
    console.print()
    console.print(_narrow(result) if console.width < NARROW else _wide(result))
    if result.warnings:
        console.print(_warnings(result.warnings))
        console.print()
    console.print(f"Bundle: {bundle}", soft_wrap=True, markup=False)


def _wide(result: ExperimentResult) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column()
    for section in summary(result):
        for row in section.rows:
            style = "dim" if row.tone == "detail" else ""
            table.add_row(Text(row.label, style=style), Text(row.value, style=STYLES[row.tone]), _method(row))
        table.add_row()
    return table


def _narrow(result: ExperimentResult) -> RenderableType:
    from rich.console import Group

    return Group(*(line for section in summary(result) for line in (*_stacked(section.rows), "")))


def _stacked(rows: Sequence[Row]) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    for row in rows:
        yield Text(row.label, style="dim")
        figure = Text(row.value, style=STYLES[row.tone])
        if row.method:
            figure = Text.assemble(figure, "  ", _method(row))
        yield Padding(figure, (0, 0, 0, 4))


def _method(row: Row) -> Text:
    from rich.text import Text

    return Text(row.method or "", style="bold yellow" if row.estimated else "dim")


def _warnings(warnings: Sequence[RunWarning]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for warning in warnings:
        style = SEVERITIES[warning.severity]
        mark = "i" if warning.severity == "info" else "!"
        table.add_row(Text(mark, style=style), Text.assemble((f"{warning.code}: ", style), warning.message))
        table.add_row("", Text.assemble(("→ ", "bold"), warning.remedy))
    return table
