"""The rows of the fit of phases: what a sensor says of each interval, and how much of each phase lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.columns import PHASES, PhaseColumns
from llenergymeasure.metrics.attribution.phases.observations import Observations

WHITENED = 4
"""Terms of the autoregression of the residuals: errors of the tick between two intervals have opposite signs in them,
and slow changes of power the same sign. Both weigh less where the fit knows of them."""
ROWS_PER_TERM = 20
"""Rows that each of these terms takes."""
NOT_FILTERED = np.ones(1)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FitData:
    """What a sensor says within the windows, whose edges are `windows_s`, shape (windows, 2).

    Each of the m energies has the number of its stretch, within which they follow each other, and of its group.
    """

    observed: Observations
    windows_s: Floats
    stretches: NDArray[np.intp]
    groups: NDArray[np.intp]
    group_count: int

    def __len__(self) -> int:
        return len(self.observed)

    @cached_property
    def error_s(self) -> float:
        """The usual 95 % half-width of the time of an edge."""
        return float(np.median(self.observed.error_s))

    @cached_property
    def weights(self) -> Floats:
        """One over the standard deviation of each energy by the times of its edges."""
        weights: Floats = 1 / self.observed.deviation_j
        return weights

    @cached_property
    def edges(self) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
        """All edges, each once, and which of them each energy begins and ends at."""
        both_s = np.concatenate([self.observed.start_s, self.observed.end_s])
        edges_s, where = np.unique(both_s, return_inverse=True)
        start, end = np.split(where.ravel(), 2)
        return edges_s, start, end


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Weighted rows: a design (m, columns), the values (m,) and groups (m,) that belong to it."""

    design: Floats
    values: Floats
    groups: NDArray[np.intp]


def fit_rows(
    data: FitData, columns: PhaseColumns, filtered: Floats = NOT_FILTERED, late_s: float = 0.0
) -> Rows:
    """Return the rows, were the sensor's times late by `late_s`; those of each stretch run through a filter."""
    edges_s, start, end = data.edges
    until = columns.until(edges_s - late_s)
    design = (until[end] - until[start]) * data.weights[:, None]
    values = data.observed.energy_j * data.weights
    whole = _has_past(data.stretches, len(filtered) - 1)
    return Rows(
        design=_filtered(design, filtered)[whole],
        values=_filtered(values, filtered)[whole],
        groups=data.groups[len(filtered) - 1 :][whole],
    )


def _has_past(stretches: NDArray[np.intp], lost: int) -> NDArray[np.bool_]:
    """Return which rows after the first `lost` have as many before them in their stretch."""
    has_past: NDArray[np.bool_] = stretches[lost:] == stretches[: len(stretches) - lost]
    return has_past


def _filtered(rows: Floats, filtered: Floats) -> Floats:
    """Return each row with those before it, weighted; the first ones, which have too few before them, are lost."""
    count = len(rows) - len(filtered) + 1
    lost = len(filtered) - 1
    sums: Floats = sum(
        weight * rows[lost - back : lost - back + count] for back, weight in enumerate(filtered)
    )
    return sums


def phase_weights(columns: PhaseColumns, windows_s: Floats) -> Floats:
    """Return how much of each column all windows have, under the phase that it belongs to: shape (columns, 3)."""
    amounts = (columns.until(windows_s[:, 1]) - columns.until(windows_s[:, 0])).sum(axis=0)
    weights = np.zeros((len(amounts), PHASES))
    weights[np.arange(len(amounts)), columns.phase_of_column] = amounts
    return weights


def whitening(data: FitData, rows: Rows, coefficients: Floats) -> Floats:
    """Return the filter that takes from each residual what the ones before it predict (Yule and Walker).

    It is that of feasible generalised least squares (Cochrane, Orcutt 1949, Journal of the American Statistical
    Association 44, 32-61). Intervals are valid without it, and wider. `rows` are not filtered.
    """
    residuals = rows.values - rows.design @ coefficients
    count = len(residuals)
    if int(_has_past(data.stretches, WHITENED).sum()) < WHITENED * ROWS_PER_TERM:
        return NOT_FILTERED
    products = (residuals[lag:] * residuals[: count - lag] for lag in range(WHITENED + 1))
    lags = np.array([float(each[_has_past(data.stretches, lag)].sum()) for lag, each in enumerate(products)])
    if lags[0] <= 0:
        return NOT_FILTERED
    distance = np.abs(np.subtract.outer(np.arange(WHITENED), np.arange(WHITENED)))
    predicted = np.linalg.lstsq(lags[distance], lags[1:], rcond=None)[0]
    return np.concatenate([[1.0], -predicted])
