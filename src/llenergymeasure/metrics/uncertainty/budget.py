"""The uncertainty budget of an energy figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llenergymeasure.domain.uncertainty import BudgetTerm, TermName, UncertaintyBudget, figure_words
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.statistics.student import half_width_beyond, mean_half_width
from llenergymeasure.metrics.uncertainty import explanations, remedies
from llenergymeasure.metrics.uncertainty.meter_terms import MeterTerms, channels_of, meter_terms
from llenergymeasure.metrics.uncertainty.remedies import Windows

ROUNDING = 1e-9
"""A term under this share of the gross figure is the rounding error of floating-point sums, and stated as 0."""
ONE_WINDOW = "without the spread between repeats, for which it takes two"


@dataclass(frozen=True, kw_only=True)
class Series:
    """A figure of each window; over all windows it is the ratio of the sums.

    A numerator is an energy in joules, and its denominator a count that is exact; for a total they sum up to 1.
    """

    figure: str
    unit: str
    numerators: Sequence[float]
    denominators: Sequence[float]
    per: str | None = None
    """What windows of a total are compared per, where they have different amounts of work: `request`."""

    @property
    def value(self) -> float:
        return math.fsum(self.numerators) / math.fsum(self.denominators)

    @property
    def ratios(self) -> list[float]:
        return [top / bottom for top, bottom in zip(self.numerators, self.denominators, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Subtracted:
    """An idle power that was subtracted in every window; `half_width_w` is None where its uncertainty is unknown."""

    power_w: float
    half_width_w: float | None
    remedy: str
    """What would halve its uncertainty."""
    reason: str | None = None
    """Why there is no `half_width_w`."""


def energy_budget(
    series: Series, rows: Sequence[WindowTotals], subtracted: Subtracted | None = None
) -> UncertaintyBudget:
    """Return the budget of a figure whose energies come from `rows`, in the same order.

    Independent terms add in quadrature (GUM, JCGM 100:2008, 5.1). The random terms of the meters appear in the
    spread of the windows as well. They are counted once: the term `spread` is the part of the windows' own interval
    (Student's) beyond them, so that both together are as wide as the wider of the two.
    """
    least = ROUNDING * _gross(series, rows)
    terms = [_term(least, *part) for part in _parts(series, rows, subtracted)]
    terms.sort(key=lambda term: term.half_width, reverse=True)
    unknown = subtracted.reason if subtracted and subtracted.half_width_w is None else None
    return UncertaintyBudget(
        figure=series.figure,
        unit=series.unit,
        value=series.value,
        half_width=None if unknown else math.hypot(*(term.half_width for term in terms)),
        terms=tuple(terms),
        dominant=terms[0].name if terms and terms[0].half_width > 0 else None,
        reason=unknown or (ONE_WINDOW if len(rows) < 2 else None),
    )


Part = tuple[TermName, float, str, str]
"""Name, half-width in the figure's unit, source, and what would halve it."""


def _parts(series: Series, rows: Sequence[WindowTotals], subtracted: Subtracted | None) -> Iterator[Part]:
    windows = Windows(count=len(rows), duration_s=statistics.fmean(row.duration_s for row in rows))
    meters = meter_terms(rows)
    yield from _meter_parts(meters, math.fsum(series.denominators), rows, windows)
    yield from _spread_part(series, meters, rows, windows, net=subtracted is not None)
    if subtracted is not None and subtracted.half_width_w is not None:
        half_width = subtracted.half_width_w * windows.total_s / math.fsum(series.denominators)
        source = explanations.explain_baseline(subtracted.power_w, subtracted.half_width_w, windows)
        yield "baseline", half_width, source, subtracted.remedy


def _meter_parts(
    meters: MeterTerms, divisor: float, rows: Sequence[WindowTotals], windows: Windows
) -> Iterator[Part]:
    channels, parts = channels_of(rows), [each for row in rows for each in row.uncertainty]
    longer = remedies.halve_by_longer_windows(2, windows)
    yield "gain", meters.gain_j / divisor, explanations.explain_gain(channels), remedies.halve_gain(channels)
    if meters.linearity_j is not None:
        source = explanations.explain_linearity(channels)
        yield "linearity", meters.linearity_j / divisor, source, remedies.halve_linearity()
    yield "edges", meters.edges_j / divisor, explanations.explain_edges(parts, windows), longer
    yield "resolution", meters.resolution_j / divisor, explanations.explain_resolution(parts), longer
    if meters.alias_j is not None:
        source = explanations.explain_aliasing(parts, windows)
        yield "alias", meters.alias_j / divisor, source, remedies.halve_by_longer_windows(4, windows)


def _spread_part(
    series: Series, meters: MeterTerms, rows: Sequence[WindowTotals], windows: Windows, *, net: bool
) -> Iterator[Part]:
    ratios = series.ratios
    spread = mean_half_width(ratios)
    if spread is None:
        return
    gross = _gross(series, rows)
    random = meters.random_j / math.fsum(series.denominators)
    own = half_width_beyond(spread, random)
    scatter = statistics.stdev(ratios) / gross if gross else 0.0
    scatter = scatter if scatter > ROUNDING else 0.0
    source = explanations.explain_spread(_scattering(series), scatter, windows, net=net, explained=own == 0)
    yield "spread", own, source, remedies.halve_spread(spread, random, windows)


def _scattering(series: Series) -> str:
    words = figure_words(series.figure)
    return words if series.per is None else f"{words} per {series.per}"


def _gross(series: Series, rows: Sequence[WindowTotals]) -> float:
    """Return the figure computed from the gross energy of the windows."""
    return math.fsum(row.energy.energy_j or 0.0 for row in rows) / math.fsum(series.denominators)


def _term(least: float, name: TermName, half_width: float, source: str, remedy: str) -> BudgetTerm:
    half_width = half_width if half_width > least else 0.0
    return BudgetTerm(
        name=name, half_width=half_width, source=source, halve_by=remedy if half_width > 0 else None
    )
