"""The uncertainty budgets of a result: figures that are uncertain for the same reasons share one table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llenergymeasure.domain.estimate import digits
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.uncertainty import BudgetTerm, UncertaintyBudget
from llenergymeasure.metrics.figures.table import figure_label, find_figure, in_table_order
from llenergymeasure.report.summary.document import Block, Document, Grid, Paragraph, Row, Rows
from llenergymeasure.report.summary.format import estimate_text, quantity
from llenergymeasure.report.summary.result import title

FAR_WIDER = 10.0
"""Half-widths over so many times the figure are in its unit: percentages of nearly nothing say little."""
HEAD = ("term", "half-width", "share", "from")


def uncertainty_document(result: ExperimentResult) -> Document:
    """Return the budgets of a result, or why there are none, as a document of their own."""
    return Document(title=title(result), blocks=tuple(uncertainty_blocks(result)))


def uncertainty_blocks(result: ExperimentResult) -> Iterator[Block]:
    """Yield the budgets of a result, those that agree in every term together, or why there are none."""
    if not result.uncertainty:
        yield Paragraph(text=_why_none(result), tone="unknown")
    for group in _alike(result):
        yield from _group(result, group)


def _alike(result: ExperimentResult) -> Iterator[list[UncertaintyBudget]]:
    """Yield the budgets in the order of the table of figures, grouped where they agree in every term.

    Of figures that the summary states: a view of the same energy, such as net energy per token, has the same terms.
    """
    groups: dict[object, list[UncertaintyBudget]] = {}
    stated = [name for name in in_table_order(result.uncertainty) if _is_stated(name)]
    for name in stated:
        budget = result.uncertainty[name]
        groups.setdefault(_reasons(budget), []).append(budget)
    yield from groups.values()


def _is_stated(name: str) -> bool:
    figure = find_figure(name)
    return figure is None or figure.in_summary


def _reasons(budget: UncertaintyBudget) -> object:
    """Return what figures of one table have in common: each term's sentence names the figure, which may differ."""
    terms = [text for line in _terms(budget) for text in line]
    name = re.compile(rf"the {re.escape(budget.words)}( per request)? of ")
    return tuple(name.sub("", text) for text in [*terms, *_remarks(budget)])


def _group(result: ExperimentResult, group: list[UncertaintyBudget]) -> Iterator[Block]:
    """Yield the figures of a group, the terms of their intervals, and what would narrow them."""
    yield Rows(rows=tuple(Row(label=figure_label(each.figure), value=_value(result, each)) for each in group))
    terms = tuple(_terms(group[0]))
    if terms:
        yield Grid(head=HEAD, lines=terms)
    remarks = "\n".join(_remarks(group[0]))
    if remarks:
        yield Paragraph(text=remarks)


def _value(result: ExperimentResult, budget: UncertaintyBudget) -> str:
    estimate = result.estimates.get(budget.figure)
    return quantity(budget.value, budget.unit) if estimate is None else estimate_text(estimate)


def _terms(budget: UncertaintyBudget) -> Iterator[tuple[str, str, str, str]]:
    for term in filter(lambda each: each.half_width != 0, budget.terms):
        share = budget.share(term)
        percent = "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
        yield term.name, _half_width(budget, term), percent, term.source


def _half_width(budget: UncertaintyBudget, term: BudgetTerm) -> str:
    """Return a half-width in percent of the figure; in its unit where it is far wider than the figure."""
    relative = budget.relative(term.half_width)
    if relative is None or relative > FAR_WIDER:
        return f"± {quantity(term.half_width, budget.unit)}"
    return f"± {digits(100 * relative)} %" if relative >= 1e-5 else "< 0.001 %"


def _remarks(budget: UncertaintyBudget) -> Iterator[str]:
    widest = next((term for term in budget.terms if term.name == budget.dominant), None)
    if widest is not None:
        yield f"The widest term is {widest.name}. To halve it: {widest.halve_by}."
    nothing = [f"{term.name} ({term.source})" for term in budget.terms if term.half_width == 0]
    if nothing:
        yield f"Terms that are 0: {'; '.join(nothing)}."
    if budget.reason is not None:
        yield f"Not included: {budget.reason}."


def _why_none(result: ExperimentResult) -> str:
    if "total_energy_j" in result.estimates:
        return "This result has no uncertainty budget: the release that wrote it computed none."
    reason = result.unknown.get("total_energy_j", "the result states no energy")
    return f"There is no uncertainty budget, because the energy is unknown: {reason}."
