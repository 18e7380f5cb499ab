"""The work of a result: tokens, FLOPs and bytes by phase, what bounds each phase, and memory."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.breakdowns.roofline import PhaseRoofline, Roofline
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.figure import Section
from llenergymeasure.report.summary.document import Block, Row, Rows
from llenergymeasure.report.summary.figure_rows import figure_row, once_each, stated_figures
from llenergymeasure.report.summary.format import plural, quantity
from llenergymeasure.report.summary.views.memory import memory_blocks
from llenergymeasure.results.opening import Bundle


def work_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield what was computed and moved, the roofline, and the memory that it took.

    Raises:
        ExperimentError: the result cannot be read.
    """
    result = bundle.result
    yield Rows(heading="Work", rows=tuple(once_each(_section(result, "work"))))
    if result.roofline is not None:
        yield Rows(heading="Roofline", rows=tuple(_roofline(result.roofline)))
    if result.memory.by_device or result.memory.unknown:
        yield from memory_blocks(result.memory)


def _section(result: ExperimentResult, section: Section) -> Iterator[Row]:
    for figure in stated_figures(result, section, everything=True):
        yield figure_row(result, figure.name, figure.label)


def _roofline(roofline: Roofline) -> Iterator[Row]:
    """Yield the card with its peaks, and what bounds each phase."""
    if roofline.unknown is not None:
        yield Row(label="Peaks", value=f"unknown: {roofline.unknown}", tone="unknown")
    if roofline.card is not None:
        yield Row(label="Card", value=f"{plural(roofline.cards or 1, 'card')}: {roofline.card}")
    if roofline.peak_flops_per_s is not None:
        peak = quantity(roofline.peak_flops_per_s, "FLOP/s")
        yield Row(label="Peak of a card", value=f"{peak}, dense {roofline.precision}", tone="detail")
    if roofline.memory_bandwidth_bytes_per_s is not None:
        bandwidth = f"{roofline.memory_bandwidth_bytes_per_s / 1e9:,.0f} GB/s"
        yield Row(label="Memory bandwidth", value=bandwidth, tone="detail")
    if roofline.ridge_flop_per_byte is not None:
        yield Row(label="Ridge", value=f"{roofline.ridge_flop_per_byte:,.0f} FLOP/B", tone="detail")
    for limit in roofline.limits:
        yield Row(label="Limit", value=limit, tone="warning")
    phases = (_bound("Prefill", roofline.prefill), _bound("Decode", roofline.decode))
    yield from (each for each in phases if roofline.unknown is None or each.tone != "unknown")


def _bound(label: str, phase: PhaseRoofline) -> Row:
    if phase.bound is None:
        return Row(label=label, value=f"unknown: {phase.reason}", tone="unknown")
    return Row(label=label, value=f"{phase.bound}-bound: {phase.reason}")
