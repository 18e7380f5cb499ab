"""What a step costs: a linear model of its energy, fitted on the cells of each channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.by_request.cell_rows import CellRows
from llenergymeasure.metrics.attribution.by_request.sums import summed
from llenergymeasure.metrics.attribution.by_request.timeline import COSTS
from llenergymeasure.metrics.statistics.nonnegative import NonNegativeFit, fit_nonnegative
from llenergymeasure.metrics.statistics.student import student_t

MOST_GROUPS, CELLS_PER_GROUP = 40, 4
"""Groups of cells whose errors are independent of those of other groups; Student's factor for 40 is 2.02."""
MOST_FOLDS = 10
"""Parts of the repeats that are left out in turn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StepCosts:
    """Coefficients of `COSTS`, in joules (idle: watts), one fit for each channel; the costs of all add up."""

    by_channel: tuple[NonNegativeFit, ...]
    late: NDArray[np.float64]
    """What is added to the total, shape (5,), where all times of the sensors are late by their 95 % half-width."""
    r2: float | None
    """Share of the variance of the energies of all cells that the model explains; None where they do not vary."""

    @property
    def total(self) -> NDArray[np.float64]:
        """The coefficients of all channels together, shape (5,)."""
        total: NDArray[np.float64] = np.zeros(len(COSTS))
        for each in self.by_channel:
            total = total + each.coefficients
        return total

    def is_estimable(self, combination: NDArray[np.float64]) -> bool:
        """Whether the cells determine a linear combination of the coefficients."""
        return all(each.is_estimable(combination) for each in self.by_channel)

    def half_width(self, combination: NDArray[np.float64]) -> float | None:
        """Return the 95 % half-width of a combination of the total; None where it cannot be known.

        Channels share the groups, so what a group deviates in all of them adds up before it is squared. Where few
        groups hold most of what a price depends on (the few prefills of a queue), deviations between groups may agree
        by chance, so that the one of ordinary least squares counts where it is larger (Angrist and Pischke, Mostly
        Harmless Econometrics, section 8.1). A delay that all readings have in common shows in neither: it is a term of
        its own.
        """
        groups = min((each.groups for each in self.by_channel), default=0)
        if groups < 2 or not self.is_estimable(combination):
            return None
        by_group = [each.influence @ combination for each in self.by_channel]
        if len({len(each) for each in by_group}) > 1:
            deviation = math.fsum(float(np.linalg.norm(each)) for each in by_group)
        else:
            deviation = float(np.linalg.norm(np.sum(by_group, axis=0)))
        conventional = math.sqrt(
            math.fsum(float(combination @ each.conventional @ combination) for each in self.by_channel)
        )
        widest = deviation if math.isnan(conventional) else max(deviation, conventional)
        return math.hypot(student_t(groups - 1) * widest, float(self.late @ combination))

    @property
    def condition_number(self) -> float:
        """The largest of the channels."""
        return max((each.condition_number for each in self.by_channel), default=math.inf)


def fit_step_costs(channels: Sequence[CellRows], windows: int) -> StepCosts:
    """Fit the energy of the cells of each channel by what the steps in them amount to.

    Groups are the same parts of all windows: repeats send the same requests, so what the model leaves out is alike in
    them. What differs between repeats is another term, `repeat_ratios`.
    """
    groups = _groups(channels, windows)
    fits = tuple(
        fit_nonnegative(rows.design, rows.energy_j, rows.deviation_j, _numbers(rows, groups))
        for rows in channels
    )
    late = [_late(rows, fit) for rows, fit in zip(channels, fits, strict=True)]
    return StepCosts(by_channel=fits, late=np.sum(late, axis=0), r2=_r2(channels, fits))


def _late(rows: CellRows, fit: NonNegativeFit) -> NDArray[np.float64]:
    """Return how the coefficients change where all times are late by their half-width: the energies are the same.

    To first order the fit takes up what the coefficients then predict too much, with the other sign.
    """
    too_much_j = rows.late_design @ fit.coefficients
    return -fit_nonnegative(rows.design, too_much_j, rows.deviation_j, rows.window).unbounded


def predicted_j(channels: Sequence[CellRows], costs: StepCosts, windows: int) -> NDArray[np.float64]:
    """Return the energy of each window by the model, over all channels, shape (windows,)."""
    total_j = np.zeros(windows)
    for rows, fit in zip(channels, costs.by_channel, strict=True):
        total_j += summed(rows.window, rows.design @ fit.coefficients, windows)[:windows]
    return total_j


def measured_j(channels: Sequence[CellRows], windows: int) -> NDArray[np.float64]:
    """Return the measured energy of each window, over all channels, shape (windows,)."""
    total_j = np.zeros(windows)
    for rows in channels:
        total_j += summed(rows.window, rows.energy_j, windows)[:windows]
    return total_j


def out_of_sample_errors(channels: Sequence[CellRows], windows: int) -> NDArray[np.float64]:
    """Return the relative error of each window's energy by a model fitted without it; empty for a single window.

    With many windows several are left out together, so that there are at most `MOST_FOLDS` fits. Rows beyond the
    windows (the idle baseline) are always fitted.
    """
    folds = min(windows, MOST_FOLDS)
    if folds < 2:
        return np.empty(0)
    predicted = np.zeros(windows)
    for rows in channels:
        fold = np.where(rows.window < windows, rows.window * folds // windows, folds)
        condensed = [_condensed(rows, fold == number) for number in range(folds + 1)]
        amounts = np.stack(
            [summed(rows.window, column, windows)[:windows] for column in rows.design.T],
            axis=1,
        )
        for number in range(folds):
            kept = np.concatenate(condensed[:number] + condensed[number + 1 :])
            fit = fit_nonnegative(kept[:, :-1], kept[:, -1], np.ones(len(kept)), np.arange(len(kept)))
            is_left_out = np.arange(windows) * folds // windows == number
            predicted[is_left_out] += amounts[is_left_out] @ fit.coefficients
    measured = measured_j(channels, windows)
    return np.divide(predicted - measured, measured, out=np.zeros(windows), where=measured != 0)


def _condensed(rows: CellRows, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a few rows with the same least squares as the masked ones: the triangular factor of both sides."""
    usual = float(np.median(rows.deviation_j)) or 1.0
    weights = 1 / np.maximum(rows.deviation_j[mask], 1e-6 * usual)
    both = np.column_stack([rows.design[mask], rows.energy_j[mask]]) * weights[:, None]
    if not len(both):
        return np.empty((0, len(COSTS) + 1))
    return np.asarray(np.linalg.qr(both, mode="r"), dtype=np.float64)


def _groups(channels: Sequence[CellRows], windows: int) -> int:
    """Return how many groups the cells of every window are enough for, at most `MOST_GROUPS`."""
    counts = [np.bincount(rows.window, minlength=windows)[:windows].min() for rows in channels]
    cells = int(min(counts, default=0))
    return min(max(cells // CELLS_PER_GROUP, 1), MOST_GROUPS)


def _numbers(rows: CellRows, groups: int) -> NDArray[np.intp]:
    return np.minimum((rows.place * groups).astype(np.intp), groups - 1)


def _r2(channels: Sequence[CellRows], fits: Sequence[NonNegativeFit]) -> float | None:
    unexplained = spread = 0.0
    for rows, fit in zip(channels, fits, strict=True):
        unexplained += float(((rows.energy_j - rows.design @ fit.coefficients) ** 2).sum())
        spread += float(((rows.energy_j - rows.energy_j.mean()) ** 2).sum()) if len(rows.energy_j) else 0.0
    return 1 - unexplained / spread if spread > 0 else None
