"""Energies of phases that are shorter than a sensor resolves: least squares over all the intervals that it resolves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.columns import PHASES, PhaseColumns
from llenergymeasure.metrics.attribution.phases.lateness import LateFit, fit_with_lateness
from llenergymeasure.metrics.attribution.phases.reasons import BREAK, NotIdentifiable
from llenergymeasure.metrics.attribution.phases.rows import FitData, fit_rows, phase_weights, whitening
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95
from llenergymeasure.metrics.statistics.nonnegative import fit_nonnegative

ILL_CONDITIONED = 30.0
"""Of the columns, each scaled to length 1: an error of 3 % in them may then be as large as a coefficient."""
SMOOTH = 2.0
"""Times that the step from a straight line to a parabola counts: along a smooth curve each further degree moves the
energies by half as much at most, and such steps add up to twice the first."""
QUADRATURE = ((-np.sqrt(3), 1 / 6), (0.0, 2 / 3), (np.sqrt(3), 1 / 6))
"""Places and weights by which a mean over a normal distribution is exact for a polynomial of degree 5."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelPhases:
    """Energies of prefill, decode and rest of one channel over all windows, arrays of shape (3,).

    `influence_j` is what each group adds to them, shape (groups, 3): the squares of a column add up to the variance.
    `shape_j` and `ticks_j` are 95 % half-widths: of a decoding power that does not change in a straight line, and of
    the times of ticks.
    """

    energy_j: Floats
    influence_j: Floats
    shape_j: Floats
    ticks_j: Floats
    cells: int
    relative_residual: float
    condition_number: float


def fit_phases(data: FitData, columns: PhaseColumns) -> ChannelPhases | NotIdentifiable:
    """Return the energies of the phases, or why they are not identifiable.

    docs/explanation/phases.md has the equations.
    """
    if not len(data):
        return NotIdentifiable(reason="it has no reading within a window")
    weights, rows = phase_weights(columns, data.windows_s), fit_rows(data, columns)
    first = fit_nonnegative(rows.design, rows.values, np.ones(len(rows.values)), rows.groups)
    if first.condition_number > ILL_CONDITIONED or not all(first.is_estimable(each) for each in weights.T):
        return NotIdentifiable(
            reason="the intervals that it resolves hold prefill and decode in nearly fixed proportions "
            f"(condition number {first.condition_number:.3g}, of at most {ILL_CONDITIONED:g})",
            remedy=BREAK,
        )
    filtered = whitening(data, rows, first.coefficients)
    late = fit_with_lateness(data, columns, filtered)
    energy_j = late.coefficients @ weights
    influence_j = np.zeros((data.group_count, PHASES))
    influence_j[late.groups] = late.fit.influence[:, : len(weights)] @ weights
    return ChannelPhases(
        energy_j=energy_j,
        influence_j=influence_j,
        shape_j=SMOOTH * np.abs(_of_other_shape(data, columns, filtered, late.late_s) - energy_j),
        ticks_j=np.abs(_of_scattered_times(data, columns, filtered, late) @ weights),
        cells=len(data),
        relative_residual=first.relative_residual,
        condition_number=first.condition_number,
    )


def _of_other_shape(data: FitData, columns: PhaseColumns, filtered: Floats, late_s: float) -> Floats:
    """Return the energies, were the power of decoding a parabola along each run."""
    bent = replace(columns, degree=columns.degree + 1)
    rows = fit_rows(data, bent, filtered, late_s)
    fit = fit_nonnegative(rows.design, rows.values, np.ones(len(rows.values)), rows.groups)
    energy_j: Floats = fit.coefficients @ phase_weights(bent, data.windows_s)
    return energy_j


def _of_scattered_times(data: FitData, columns: PhaseColumns, filtered: Floats, late: LateFit) -> Floats:
    """Return how far the coefficients move where the time of each edge scatters by its error (errors in variables).

    Then a prefill near an edge may lie in the next interval, and each interval holds on average what it holds over the
    scatter of its edges. With that design the powers of the phases are not drawn together.
    """
    deviation_s = data.error_s / NORMAL_95
    parts = [
        (weight, fit_rows(data, columns, filtered, late.late_s + float(place) * deviation_s))
        for place, weight in QUADRATURE
    ]
    mean = np.sum([weight * rows.design for weight, rows in parts], axis=0)
    rows = parts[1][1]
    ones = np.ones(len(rows.values))
    scattered, exact = (
        fit_nonnegative(design, rows.values, ones, rows.groups).coefficients for design in (mean, rows.design)
    )
    moved: Floats = scattered - exact
    return moved
