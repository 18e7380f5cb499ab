"""Served traffic of a result: objectives, goodput, steady parts, and the curve over several loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llenergymeasure.domain.breakdowns.traffic import Rung, SteadyPart
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.summary.document import (
    Bar,
    Bars,
    Block,
    Grid,
    Note,
    Notes,
    Paragraph,
    Row,
    Rows,
)
from llenergymeasure.report.summary.figure_rows import figure_row, stated_figures
from llenergymeasure.report.summary.format import estimate_text, number, plural
from llenergymeasure.report.summary.load_rows import knee_rows, load_text, objective_rows
from llenergymeasure.results.opening import Bundle

HEAD = ("Load", "req/s", "tokens/s", "TTFT p50, s", "p99, s", "J/token", "J/req", "in flight", "")
MISSING = "-"
RULES = {
    "saturated": "the engine's batch was full",
    "no_trend": "the longest stretch without a trend in requests in flight and throughput",
    "none": "no stretch of half the window is without a trend: the whole window counts",
}
"""Why a part of a window is the one that counts; nothing is said of whole windows."""


def load_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield objectives and goodput, the loads as a table and as bars, the knee, and what of the windows counts."""
    result = bundle.result
    objectives = tuple(objective_rows(result))
    if objectives:
        yield Rows(heading="Objectives", rows=objectives)
    stated = stated_figures(result, "load", everything=True)
    figures = tuple(figure_row(result, each.name, each.label) for each in stated)
    if figures:
        yield Rows(heading="Served traffic", rows=figures)
    rungs = result.traffic.rungs
    if not rungs:
        yield Paragraph(
            text="An offline load: nobody waited for a request, so there is no curve.", tone="unknown"
        )
        return
    yield Grid(head=HEAD, lines=tuple(_line(result, each) for each in rungs))
    if len(rungs) > 1:
        yield _bars(result, rungs)
    yield Rows(rows=(*knee_rows(result.traffic), *_check_rows(result)))
    notes = tuple(_steady_notes(result.traffic.steady))
    if notes:
        yield Notes(notes=notes)


def _line(result: ExperimentResult, rung: Rung) -> tuple[str, ...]:
    ttft = rung.latency["ttft_s"].statistics if "ttft_s" in rung.latency else {}
    cells = (
        rung.estimates.get("requests_per_s"),
        rung.estimates.get("output_tokens_per_s"),
        ttft.get("p50"),
        ttft.get("p99"),
        rung.estimates.get("energy_per_output_token_j"),
        rung.estimates.get("energy_per_request_j"),
        rung.in_flight,
    )
    remarks = ["over-saturated"] if rung.over_saturated else []
    if rung.rung == result.traffic.headline_rung:
        remarks.append("the figures of the result")
    return (load_text(result, rung), *map(_cell, cells), "; ".join(remarks))


def _cell(estimate: Estimate | None) -> str:
    return MISSING if estimate is None else number(float(estimate.value))


def _bars(result: ExperimentResult, rungs: Sequence[Rung]) -> Bars:
    rates = [each.estimates.get("requests_per_s") for each in rungs]
    most = max((float(rate.value) for rate in rates if rate is not None), default=0.0) or 1.0
    return Bars(
        heading="Answered requests per second",
        bars=tuple(
            Bar(
                label=load_text(result, rung),
                share=float(rate.value) / most,
                value=estimate_text(rate),
            )
            for rung, rate in zip(rungs, rates, strict=True)
            if rate is not None
        ),
    )


def _check_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield what Little's law leaves of the requests in flight, load by load."""
    for each in result.traffic.rungs:
        if each.little_residual is not None and each.in_flight is not None:
            label = f"N − X R at {load_text(result, each)}"
            yield Row(
                label=label,
                value=f"{estimate_text(each.little_residual)}, of {_cell(each.in_flight)} in flight",
            )


def _steady_notes(steady: Sequence[SteadyPart]) -> Iterator[Note]:
    """Yield how much of the windows counts and why, once for each rule."""
    for rule, words in RULES.items():
        parts = [each for each in steady if each.rule == rule]
        whole_s = sum(each.window_s for each in parts)
        if whole_s > 0:
            share = sum(each.duration_s for each in parts) / whole_s
            windows = plural(len(parts), "window")
            yield Note(text=f"{share:.0%} of the time of {windows} counts: {words}.")
