"""Weighted least squares with coefficients that cannot be negative, and intervals that hold for correlated rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.student import student_t

CHUNK_ROWS = 100_000
"""Rows whose products are in memory together: 29 MB with six columns."""
MOST_GROUPS = 1_000
"""More groups than these are joined with their neighbours: wider groups assume less, and Student's factor stays."""
SINGULAR = 1e-10
"""Eigenvalues of the scaled normal equations under this share of the largest one are rounding errors."""
INESTIMABLE = 1e-6
"""Share of a combination that lies in directions without data, from which its value is unknown."""
LEAST_DEVIATION = 1e-6
"""Of the median one: a smaller standard deviation counts as this, so that no row decides alone."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NonNegativeFit:
    """A fit of k coefficients, all >= 0; arrays of shape (k,), or (k, k)."""

    coefficients: Floats
    covariance: Floats
    """Of the fit without the bounds: they bring the coefficients nearer to the truth, never farther from it."""
    unbounded: Floats
    """Coefficients without the bounds; of those that the rows do not determine, the shortest solution."""
    influence: Floats
    """What each group adds to the unbounded coefficients, shape (groups, k): `influence.T @ influence` is `covariance`.
    Fits of other values over the same groups add up row by row, so that what they have in common counts."""
    conventional: Floats
    """Covariance were all weighted errors of one size and independent; see `step_cost` for its use."""
    at_zero: NDArray[np.bool_]
    """Coefficients that the bound keeps at 0."""
    relative_residual: float
    """Root mean square of the residuals over that of the values, both weighted."""
    r2: float | None
    """Share of the weighted variance of the values that the fit explains; None where all values are equal."""
    condition_number: float
    """Of the weighted design, each column scaled to length 1; infinite where columns depend on each other."""
    rows: int
    groups: int
    unknown_directions: Floats
    """Combinations of coefficients that the rows say nothing about, shape (k, n); n is 0 for a good design."""
    scale: Floats
    """Length of each weighted column of the design."""

    @property
    def degrees_of_freedom(self) -> int:
        """Of Student's t: one less than there are groups."""
        return self.groups - 1

    def value(self, combination: Floats) -> float:
        """Return a linear combination of the coefficients; `combination` has shape (k,)."""
        return float(np.asarray(combination, dtype=float) @ self.coefficients)

    def is_estimable(self, combination: Floats) -> bool:
        """Whether the rows determine this linear combination of the coefficients."""
        weights = np.asarray(combination, dtype=float)
        length = float(np.linalg.norm(weights / self.scale))
        return bool(np.all(np.abs(weights @ self.unknown_directions) <= INESTIMABLE * length))

    def half_width(self, combination: Floats) -> float | None:
        """Return the 95 % half-width of a linear combination, Student's t; None where it cannot be known."""
        weights = np.asarray(combination, dtype=float)
        if self.degrees_of_freedom < 1 or not self.is_estimable(weights):
            return None
        deviation = np.sqrt(max(float(weights @ self.covariance @ weights), 0.0))
        return student_t(self.degrees_of_freedom) * float(deviation)


def fit_nonnegative(
    design: Floats, values: Floats, deviation: Floats, groups: NDArray[np.integer[Any]]
) -> NonNegativeFit:
    """Fit `values` (m,) by `design` (m, k) with coefficients >= 0; `deviation` (m,) is each value's standard deviation.

    Rows of one number in `groups` (m,) may have errors of any correlation and size: the covariance comes from leaving
    out one group after the other (the cluster jackknife, CR3: MacKinnon, Nielsen, Webb, Journal of Applied
    Econometrics 38 (2023) 671-694), and `deviation` gives weights only. Rows that are not finite are left out.
    Coefficients that the rows do not determine are not unique: ask `is_estimable`.
    """
    design, values, weights, groups = _usable(design, values, deviation, groups)
    scale = np.sqrt(np.einsum("ij,ij,i->j", design, design, weights**2))
    scale[scale == 0] = 1.0
    grams, moments = _sums(design / scale, values, weights, groups)
    gram, moment = grams.sum(axis=0), moments.sum(axis=0)
    eigenvalues, vectors = np.linalg.eigh(gram)
    known = eigenvalues > SINGULAR * max(float(eigenvalues[-1]), 0.0)
    scaled = _bounded(eigenvalues[known], vectors[:, known], moment)
    unbounded, influence = _left_out(grams, moments)
    influence = influence / scale
    residual_rms, spread_rms, rms = _quality(values - design @ (scaled / scale), values, weights)
    return NonNegativeFit(
        coefficients=scaled / scale,
        covariance=influence.T @ influence,
        unbounded=unbounded / scale,
        influence=influence,
        conventional=_conventional(gram, residual_rms**2 * float(weights @ weights), len(values))
        / np.outer(scale, scale),
        at_zero=(scaled == 0) & (np.abs(vectors[:, ~known]) <= INESTIMABLE).all(axis=1),
        relative_residual=residual_rms / rms if rms else 0.0,
        r2=1 - (residual_rms / spread_rms) ** 2 if spread_rms else None,
        condition_number=float(np.sqrt(eigenvalues[-1] / eigenvalues[0])) if known.all() else float("inf"),
        rows=len(values),
        groups=len(np.unique(groups)),
        unknown_directions=vectors[:, ~known] / scale[:, None],
        scale=scale,
    )


def _usable(
    design: Floats, values: Floats, deviation: Floats, groups: NDArray[np.integer[Any]]
) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Return the finite rows, sorted by group, with weights around 1, and groups numbered from 0."""
    usable = np.isfinite(design).all(axis=1) & np.isfinite(values) & np.isfinite(deviation)
    order = np.flatnonzero(usable)[np.argsort(groups[usable], kind="stable")]
    usual = float(np.median(deviation[order])) if len(order) else 0.0
    usual = usual if usual > 0 else 1.0
    weights = usual / np.maximum(deviation[order], LEAST_DEVIATION * usual)
    numbers = np.unique(groups[order], return_inverse=True)[1].reshape(-1)
    count = int(numbers[-1]) + 1 if len(numbers) else 0
    if count > MOST_GROUPS:
        numbers = numbers * MOST_GROUPS // count
    return design[order].astype(float), values[order].astype(float), weights, numbers


def _sums(design: Floats, values: Floats, weights: Floats, groups: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return each group's part of the normal equations: shapes (groups, k, k) and (groups, k)."""
    columns = design.shape[1]
    count = int(groups[-1]) + 1 if len(groups) else 1
    grams, moments = np.zeros((count, columns, columns)), np.zeros((count, columns))
    for begin in range(0, len(values), CHUNK_ROWS):
        part = slice(begin, begin + CHUNK_ROWS)
        weighted, target = design[part] * weights[part, None], values[part] * weights[part]
        numbers, first = np.unique(groups[part], return_index=True)
        grams[numbers] += np.add.reduceat(weighted[:, :, None] * weighted[:, None, :], first, axis=0)
        moments[numbers] += np.add.reduceat(weighted * target[:, None], first, axis=0)
    return grams, moments


def _bounded(eigenvalues: Floats, vectors: Floats, moment: Floats) -> Floats:
    """Solve the normal equations for coefficients >= 0: a problem of k rows, whatever the number of data."""
    from scipy.optimize import lsq_linear, nnls

    if not len(eigenvalues):
        return np.zeros(len(moment))
    roots = np.sqrt(eigenvalues)
    matrix, target = roots[:, None] * vectors.T, vectors.T @ moment / roots
    try:
        solution: Floats = nnls(matrix, target)[0]
    except RuntimeError:  # it may go in circles where two columns are nearly alike
        solution = lsq_linear(matrix, target, bounds=(0.0, np.inf)).x
    return solution


def _left_out(grams: Floats, moments: Floats) -> tuple[Floats, Floats]:
    """Return the unbounded solution, and what leaving out each group changes in it, scaled to add up to the covariance.

    What only one group tells about becomes 0 without it: its deviation is then as large as its value.
    """
    count = len(moments)
    gram, moment = grams.sum(axis=0), moments.sum(axis=0)
    whole = np.linalg.pinv(gram, rcond=SINGULAR, hermitian=True) @ moment
    if count < 2:
        return whole, np.full(moments.shape, np.nan)
    left = np.linalg.pinv(gram - grams, rcond=SINGULAR, hermitian=True)
    without = np.einsum("gij,gj->gi", left, moment - moments)
    influence: Floats = np.sqrt((count - 1) / count) * (whole - without)
    return whole, influence


def _conventional(gram: Floats, squares: float, rows: int) -> Floats:
    """Return the covariance of ordinary least squares, of scaled coefficients; NaN without a degree of freedom.

    `squares` is the sum of the squares of the weighted residuals.
    """
    free = rows - len(gram)
    variance = squares / free if free > 0 else np.nan
    return np.asarray(variance * np.linalg.pinv(gram, rcond=SINGULAR, hermitian=True), dtype=np.float64)


def _quality(residuals: Floats, values: Floats, weights: Floats) -> tuple[float, float, float]:
    """Return weighted root mean squares: of the residuals, of the values around their mean, and of the values."""
    if not len(values):
        return 0.0, 0.0, 0.0
    squares = weights**2
    mean = float(np.average(values, weights=squares))
    rms = (
        float(np.sqrt(np.average(each**2, weights=squares))) for each in (residuals, values - mean, values)
    )
    residual_rms, spread_rms, value_rms = rms
    return residual_rms, spread_rms, value_rms
