"""The price list of a result: what one more token, request and step would cost."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.breakdowns.attribution import AttributionSummary, ObservedRange
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.figure import Figure
from llenergymeasure.report.summary.document import Block, Paragraph, Row, Rows
from llenergymeasure.report.summary.figure_rows import figure_row, once_each, stated_figures
from llenergymeasure.report.summary.format import estimate_text
from llenergymeasure.results.opening import Bundle

MJ_PER_J = 1000


def price_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield the prices in millijoules, where they are valid, and how well they predict.

    Raises:
        ExperimentError: a file of the bundle cannot be read.
    """
    result = bundle.result
    figures = list(stated_figures(result, "prices", everything=True))
    if not figures:
        yield Paragraph(text="This result states no prices.", tone="unknown")
        return
    yield Rows(
        heading="One more of each costs", rows=tuple(once_each(_price(result, each) for each in figures))
    )
    if result.attribution is not None:
        yield Rows(heading="Valid within what was observed", rows=tuple(_ranges(result.attribution)))
        if any(each.name in result.estimates for each in figures):
            yield Paragraph(text=_check(result.attribution))


def _price(result: ExperimentResult, figure: Figure) -> Row:
    row, stated = figure_row(result, figure.name, figure.label), result.estimates.get(figure.name)
    if stated is None or not figure.unit.startswith("J"):
        return row
    return Row(
        label=row.label,
        value=estimate_text(in_mj(stated)),
        method=row.method,
        tone=row.tone,
        footnote=row.footnote,
    )


def in_mj(estimate: Estimate) -> Estimate:
    """Return a price in joules as one in millijoules."""
    ends = {name: getattr(estimate, name) for name in ("value", "low", "high")}
    scaled = {name: None if end is None else MJ_PER_J * end for name, end in ends.items()}
    return estimate.model_copy(update={**scaled, "unit": f"m{estimate.unit}"})


def _ranges(summary: AttributionSummary) -> Iterator[Row]:
    ranges = {
        "Prompt tokens": summary.prompt_tokens,
        "Output tokens": summary.output_tokens,
        "Requests in a step": summary.requests_per_step,
        "Context of a request": summary.context_tokens,
    }
    for label, observed in ranges.items():
        if observed is not None:
            yield Row(label=label, value=_range(observed))


def _range(observed: ObservedRange) -> str:
    least, most = f"{observed.least:,.0f}", f"{observed.most:,.0f}"
    return least if least == most else f"{least} to {most}"


def _check(summary: AttributionSummary) -> str:
    if summary.out_of_sample_error is None:
        return f"Not checked on other repeats: {summary.out_of_sample_reason}."
    error = f"{summary.out_of_sample_error:.2%}"
    return f"Fitted on the other repeats, these costs predict the energy of a repeat to {error} (root mean square)."
