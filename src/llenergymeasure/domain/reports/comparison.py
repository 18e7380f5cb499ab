"""The comparison of several results: where they differ in what was asked for and how it was served."""

from __future__ import annotations

from llenergymeasure.core.record import Record


class Difference(Record):
    """One thing in which results differ; where it bends the comparison, `consequence` says how."""

    name: str
    label: str
    values: tuple[str | None, ...]
    """One for each result, in their order; None where a result does not say."""
    bends: bool
    """Whether figures of these results must not be compared without saying so."""
    consequence: str
    """What the difference means for the figures."""


class Comparison(Record):
    """What differs between results, and what some of them do not say."""

    bundles: tuple[str, ...]
    """The folder of each result, or its experiment id."""
    differences: tuple[Difference, ...] = ()
    """Those that bend the comparison first."""
    unknown: tuple[str, ...] = ()
    """Labels of what at least one result does not say, and others do."""
