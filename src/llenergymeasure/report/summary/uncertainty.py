"""The uncertainty budgets of a result: figures that are uncertain for the same reasons share one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.uncertainty import BudgetTerm, UncertaintyBudget
from llenergymeasure.metrics.figures.table import figure_label, in_table_order
from llenergymeasure.report.summary.format import NARROW, estimate_text, quantity
from llenergymeasure.report.summary.rows import title

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

HEAD = ("term", "half-width", "share", "from")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Figures with one budget: `figures` and `terms` are lines of a table, `remarks` the sentences below it."""

    figures: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, str, str, str], ...]
    remarks: tuple[str, ...]


def print_uncertainty(result: ExperimentResult, out: IO[str]) -> None:
    """Print the budgets, or why there are none; plain lines where nobody looks at a terminal."""
    if not out.isatty():
        out.write("\n".join(_plain(result)))
        return
    from rich.console import Console

    render_uncertainty(result, Console(file=out, highlight=False))


def render_uncertainty(result: ExperimentResult, console: Console) -> None:
    """Draw the budgets as wide as the console is."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Text(f"\n{title(result)}\n", style="bold"))
    for block in blocks(result):
        for label, text in block.figures:
            console.print(Text.assemble(f"{label:<{_label_width(block)}}  ", (text, "bold")))
        drawn = _stacked(block) if console.width < NARROW else _table(block)
        console.print(Padding(drawn, (1, 0, 1, 2)))
        for remark in block.remarks:
            console.print(Padding(Text(remark), (0, 0, 0, 2)))
        console.print()
    if not result.uncertainty:
        console.print(Text(_nothing(result), style="yellow"))


def blocks(result: ExperimentResult) -> list[Block]:
    """Return the budgets of a result, those that agree in every term together."""
    alike: dict[object, list[UncertaintyBudget]] = {}
    for name in in_table_order(result.uncertainty):
        budget = result.uncertainty[name]
        alike.setdefault((tuple(_terms(budget)), tuple(_remarks(budget))), []).append(budget)
    return [
        Block(
            figures=tuple((figure_label(each.figure), _value(result, each)) for each in group),
            terms=tuple(_terms(group[0])),
            remarks=tuple(_remarks(group[0])),
        )
        for group in alike.values()
    ]


def _value(result: ExperimentResult, budget: UncertaintyBudget) -> str:
    estimate = result.estimates.get(budget.figure)
    return quantity(budget.value, budget.unit) if estimate is None else estimate_text(estimate)


def _terms(budget: UncertaintyBudget) -> Iterator[tuple[str, str, str, str]]:
    for term in budget.terms:
        share = budget.share(term)
        said = "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
        yield term.name, _half_width(budget, term), said, term.source


def _half_width(budget: UncertaintyBudget, term: BudgetTerm) -> str:
    """Return a half-width in percent of the figure; in its unit where the figure is small against its doubt."""
    relative = budget.relative(term.half_width)
    if term.half_width == 0:
        return "0"
    if relative is None or relative > 1:
        return f"± {quantity(term.half_width, budget.unit)}"
    return f"± {100 * relative:.2g} %" if relative >= 1e-5 else "< 0.001 %"


def _remarks(budget: UncertaintyBudget) -> Iterator[str]:
    widest = next((term for term in budget.terms if term.name == budget.dominant), None)
    if widest is not None:
        yield f"Most of it is {widest.name}. What would halve that: {widest.halve_by}."
    if budget.reason is not None:
        yield f"Not complete: {budget.reason}."


def _plain(result: ExperimentResult) -> Iterator[str]:
    yield from (title(result), "")
    for block in blocks(result):
        yield from (f"{label:<{_label_width(block)}}  {text}" for label, text in block.figures)
        yield ""
        widths = [max(map(len, column)) for column in list(zip(HEAD, *block.terms, strict=True))[:-1]]
        for line in (HEAD, *block.terms):
            cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False))
            yield f"  {'  '.join(cells)}  {line[-1]}"
        yield from ("", *(f"  {remark}" for remark in block.remarks), "")
    if not result.uncertainty:
        yield from (_nothing(result), "")


def _table(block: Block) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for name in HEAD:
        table.add_column(no_wrap=name != HEAD[-1])
    table.add_row(*(Text(name, style="dim") for name in HEAD))
    for line in block.terms:
        table.add_row(*map(Text, line))
    return table


def _stacked(block: Block) -> RenderableType:
    """Draw each term over its source."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    lines: list[RenderableType] = []
    for name, half_width, share, source in block.terms:
        lines += [Text(f"{name}  {half_width}  ({share})"), Padding(Text(source, style="dim"), (0, 0, 0, 4))]
    return Group(*lines)


def _label_width(block: Block) -> int:
    return max(len(label) for label, _ in block.figures)


def _nothing(result: ExperimentResult) -> str:
    if "total_energy_j" in result.estimates:
        return "This result has no uncertainty budget: the release that wrote it computed none."
    reason = result.unknown.get("total_energy_j", "the result states no energy")
    return f"There is no uncertainty budget, because the energy is unknown: {reason}."
