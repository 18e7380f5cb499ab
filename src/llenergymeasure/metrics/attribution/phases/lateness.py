"""How late a sensor's times are against those of the engine, found with the powers of the phases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.columns import PhaseColumns
from llenergymeasure.metrics.attribution.phases.rows import FitData, Rows, fit_rows
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95
from llenergymeasure.metrics.statistics.nonnegative import NonNegativeFit, fit_nonnegative

WIDEST = 2.0
"""Errors of the sensor's times that are searched, to either side."""
TRIALS = 9
DIFFERENCE = 0.05
"""Of that error, over which the design is differentiated."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LateFit:
    """A fit whose last coefficient is a further lateness beyond `late_s`, so that its interval is in all others."""

    fit: NonNegativeFit
    coefficients: Floats
    """Without the last one."""
    late_s: float
    groups: NDArray[np.intp]
    """The numbers of the groups that have rows, in the order of the fit's influence."""


def fit_with_lateness(data: FitData, columns: PhaseColumns, filtered: Floats) -> LateFit:
    """Fit the powers and one lateness of all times, which is known beforehand to their error only.

    From the best of some trials it is one step of Gauss and Newton to the lateness, and one to the powers with it.
    """
    error_s = data.error_s
    if error_s <= 0:
        rows = fit_rows(data, columns, filtered)
        fit = fit_nonnegative(rows.design, rows.values, np.ones(len(rows.values)), rows.groups)
        return LateFit(fit=fit, coefficients=fit.coefficients, late_s=0.0, groups=np.unique(rows.groups))
    late_s, coefficients, noise = _best_trial(data, columns, filtered, error_s)
    fit, further_s, groups = _fit_further(data, columns, filtered, late_s, coefficients, noise)
    late_s = float(np.clip(late_s + further_s, -WIDEST * error_s, WIDEST * error_s))
    fit, _, groups = _fit_further(data, columns, filtered, late_s, fit.coefficients[:-1], noise)
    return LateFit(fit=fit, coefficients=fit.coefficients[:-1], late_s=late_s, groups=groups)


def _best_trial(
    data: FitData, columns: PhaseColumns, filtered: Floats, error_s: float
) -> tuple[float, Floats, float]:
    """Return the most likely lateness of some, with its coefficients and the standard deviation of the residuals."""
    trials_s = np.linspace(-WIDEST * error_s, WIDEST * error_s, TRIALS)
    solved = [_least_squares(fit_rows(data, columns, filtered, float(each))) for each in trials_s]
    squares = np.array([each[1] for each in solved])
    variance = max(float(squares.min()) / max(solved[0][2], 1), np.finfo(float).tiny)
    best = int(np.argmin(squares / variance + (NORMAL_95 * trials_s / error_s) ** 2))
    return float(trials_s[best]), solved[best][0], float(np.sqrt(variance))


def _least_squares(rows: Rows) -> tuple[Floats, float, int]:
    """Return coefficients without bounds, the sum of the squares of the residuals, and the degrees of freedom."""
    gram, moment = rows.design.T @ rows.design, rows.design.T @ rows.values
    coefficients = np.linalg.lstsq(gram, moment, rcond=None)[0]
    residuals = rows.values - rows.design @ coefficients
    return coefficients, float(residuals @ residuals), len(residuals) - len(coefficients)


def _fit_further(
    data: FitData, columns: PhaseColumns, filtered: Floats, late_s: float, coefficients: Floats, noise: float
) -> tuple[NonNegativeFit, float, NDArray[np.intp]]:
    """Fit the powers and a further lateness, with what is known of it beforehand shared out among the groups.

    Return the fit, that lateness, and the numbers of the groups.

    The lateness has either sign. It is counted from `-bound_s`, so that its coefficient is positive.
    """
    error_s = data.error_s
    apart_s, bound_s = DIFFERENCE * error_s, 4 * WIDEST * error_s
    rows = fit_rows(data, columns, filtered, late_s)
    later, earlier = (fit_rows(data, columns, filtered, late_s + each) for each in (apart_s, -apart_s))
    moves = (later.design - earlier.design) @ coefficients / (2 * apart_s)
    groups = np.unique(rows.groups)
    known = noise * NORMAL_95 / error_s / np.sqrt(len(groups))
    prior = np.zeros((len(groups), rows.design.shape[1] + 1))
    prior[:, -1] = known
    design = np.concatenate([np.column_stack([rows.design, moves]), prior])
    values = np.concatenate([rows.values + bound_s * moves, np.full(len(groups), known * (bound_s - late_s))])
    fit = fit_nonnegative(design, values, np.ones(len(values)), np.concatenate([rows.groups, groups]))
    return fit, float(fit.coefficients[-1]) - bound_s, groups
