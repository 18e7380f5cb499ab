"""The uncertainty of a figure, term by term."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from llenergymeasure.core.record import Record

TermName = Literal["gain", "linearity", "edges", "resolution", "alias", "spread", "baseline"]
"""A sensor's systematic error; what it deviates from a straight line; where a window begins and ends between two ticks;
the step of a reading; power between readings; repeats that differ; the idle power that was subtracted."""


def figure_words(figure: str) -> str:
    """Return the name of a figure in a sentence, without its unit: `net energy` of `net_energy_j`."""
    return figure.rsplit("_", 1)[0].replace("_", " ")


class BudgetTerm(Record):
    """One term of an uncertainty budget; the terms are independent and add in quadrature."""

    name: TermName
    half_width: float = Field(ge=0)
    """95 % half-width of this term alone, in the figure's unit."""
    source: str
    """Its cause, in one sentence with numbers."""
    halve_by: str | None
    """What would halve it; None where it is 0."""


class UncertaintyBudget(Record):
    """The uncertainty budget of a figure (GUM, JCGM 100:2008): the terms of its interval, widest first."""

    figure: str
    """Its name in the table of figures."""
    unit: str
    value: float
    half_width: float | None
    """Of the 95 % interval; None where a term that belongs to it is not known."""
    terms: tuple[BudgetTerm, ...]
    dominant: TermName | None
    """The widest term; None where all are 0."""
    reason: str | None = None
    """What is missing from the terms."""

    @property
    def words(self) -> str:
        """The figure's name in a sentence."""
        return figure_words(self.figure)

    def relative(self, half_width: float) -> float | None:
        """Return a half-width over the value; None where the value is 0."""
        return half_width / abs(self.value) if self.value else None

    def share(self, term: BudgetTerm) -> float:
        """Return a term's share of the variance: of the sum of the squares of all terms."""
        total = math.fsum(each.half_width**2 for each in self.terms)
        return term.half_width**2 / total if total else 0.0
