"""The rows of the fit of phases: what a sensor says of each interval, and how much of each phase lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """What a sensor says within each window; `edges_s` of the windows, shape (windows, 2); the group of each energy."""

    observed: Sequence[Observations]
    edges_s: Floats
    groups: Sequence[NDArray[np.intp]]
    group_count: int

    @property
    def cells(self) -> int:
        """How many energies there are."""
        return sum(len(each) for each in self.observed)

    @property
    def error_s(self) -> float:
        """The usual 95 % half-width of the time of an edge."""
        return float(np.median(np.concatenate([each.error_s for each in self.observed])))


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Weighted rows: a design (m, columns), the values (m,) and groups (m,) that belong to it."""

    design: Floats
    values: Floats
    groups: NDArray[np.intp]


def fit_rows(
    data: FitData, columns: PhaseColumns, filtered: Floats = NOT_FILTERED, late_s: float = 0.0
) -> Rows:
    """Return the rows, were the sensor's times late by `late_s`; those of each window run through a filter."""
    from scipy.signal import lfilter

    lost = len(filtered) - 1
    designs, values = [], []
    for observed in data.observed:
        weights = 1 / observed.deviation_j
        design = columns.until(observed.end_s - late_s) - columns.until(observed.start_s - late_s)
        designs.append(lfilter(filtered, [1.0], design * weights[:, None], axis=0)[lost:])
        values.append(lfilter(filtered, [1.0], observed.energy_j * weights)[lost:])
    groups = np.concatenate([group[lost:] for group in data.groups])
    return Rows(design=np.concatenate(designs), values=np.concatenate(values), groups=groups)


def phase_weights(columns: PhaseColumns, edges_s: Floats) -> Floats:
    """Return how much of each column all windows have, under the phase that it belongs to: shape (columns, 3)."""
    amounts = (columns.until(edges_s[:, 1]) - columns.until(edges_s[:, 0])).sum(axis=0)
    weights = np.zeros((len(amounts), PHASES))
    weights[np.arange(len(amounts)), columns.phase_of_column] = amounts
    return weights


def whitening(data: FitData, rows: Rows, coefficients: Floats) -> Floats:
    """Return the filter that takes from each residual what the ones before it predict (Yule and Walker).

    It is that of feasible generalised least squares (Cochrane, Orcutt 1949, Journal of the American Statistical
    Association 44, 32-61). Intervals are valid without it, and wider. `rows` are not filtered.
    """
    ends = np.cumsum([len(each) for each in data.observed])[:-1]
    residuals = np.split(rows.values - rows.design @ coefficients, ends)
    long_enough = [each for each in residuals if len(each) > WHITENED]
    if sum(map(len, long_enough)) < WHITENED * ROWS_PER_TERM:
        return NOT_FILTERED
    lags = np.array(
        [
            sum(float(each[: len(each) - lag] @ each[lag:]) for each in long_enough)
            for lag in range(WHITENED + 1)
        ]
    )
    if lags[0] <= 0:
        return NOT_FILTERED
    distance = np.abs(np.subtract.outer(np.arange(WHITENED), np.arange(WHITENED)))
    predicted = np.linalg.lstsq(lags[distance], lags[1:], rcond=None)[0]
    return np.concatenate([[1.0], -predicted])
