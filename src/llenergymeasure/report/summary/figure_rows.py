"""Figures of a result as rows: value and interval, or why they are unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.attribution.by_request.attribute import NO_STEPS
from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.figure import NO_SLO, Figure, Section
from llenergymeasure.metrics.figures.speculation import NOTHING_PROPOSED, SPECULATION
from llenergymeasure.report.summary.document import Row
from llenergymeasure.report.summary.format import bytes_text, duration_text, estimate_text

HIDDEN_REASONS = (NO_STEPS, NOTHING_PROPOSED)
"""Beginnings of what figures of speculation say of a run without any."""
UNSHOWN_METHODS = ("derived", "counted")
"""Methods that say nothing about a meter."""


def stated_figures(
    result: ExperimentResult, section: Section, *, everything: bool = False
) -> Iterator[Figure]:
    """Yield the figures of a section that the result states, known or unknown: of the one screen, or all of them."""
    names = {*result.estimates, *result.unknown, *result.model_fields_set}
    for figure in table.FIGURES:
        hidden = not (figure.in_summary or everything) or (figure.needs_gpu and result.device == "cpu")
        reason = result.unknown.get(figure.name, "")
        hidden = hidden or (figure in SPECULATION and reason.startswith(HIDDEN_REASONS)) or reason == NO_SLO
        if figure.section == section and figure.name in names and not hidden:
            yield figure


def figure_row(result: ExperimentResult, name: str, label: str) -> Row:
    """Return a figure with its interval, or why it is unknown; `label` is what the row is called."""
    estimate = stated_estimate(result, name)
    if estimate is None:
        reason = result.unknown.get(name, "the release that wrote this result gave no reason")
        return Row(label=label, value=f"unknown: {reason}", tone="unknown")
    if estimate.unit == "B":
        return Row(label=label, value=bytes_text(estimate.value))
    if isinstance(estimate.value, int):
        return Row(label=label, value=f"{estimate.value:,}")  # the label names what is counted
    age = _age(result) if name == "idle_power_w" else ""
    return Row(
        label=label,
        value=estimate_text(estimate) + age,
        method=None if estimate.method in UNSHOWN_METHODS else estimate.method,
        footnote=_footnote(estimate),
    )


def _footnote(estimate: Estimate) -> str | None:
    """Return why there is no interval, or what the interval does not include."""
    if estimate.half_width is None:
        return f"No interval: {estimate.reason or 'its spread is unknown'}."
    return None if estimate.reason is None else f"The interval is {estimate.reason}."


def stated_estimate(result: ExperimentResult, name: str) -> Estimate | None:
    """Return the estimate of a figure; older releases stated the value of some figures alone."""
    value: float | None = getattr(result, name, None)
    figure = table.find_figure(name)
    if name in result.estimates or value is None or figure is None:
        return result.estimates.get(name)
    if figure.section == "work":
        return exact(value, figure.unit, "counted")
    reason = "the release that wrote this result computed none"
    return Estimate(value=value, unit=figure.unit, method="derived", reason=reason)


def _age(result: ExperimentResult) -> str:
    """Return how old the idle power is, where it was measured by an earlier run."""
    if result.baseline is None or result.baseline.age_s is None:
        return ""
    return f" (measured {duration_text(result.baseline.age_s)} before)"


def once_each(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows; a reason for which several are unknown becomes one footnote of them all."""
    known = tuple(rows)
    reasons = Counter(row.value for row in known if row.tone == "unknown")
    for row in known:
        if reasons[row.value] > 1 and row.tone == "unknown":
            yield replace(row, value="unknown", footnote=row.value[0].upper() + row.value[1:] + ".")
        else:
            yield row
