"""Estimates with intervals: energies from their budgets, times and rates from their spread over the windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.statistics.student import mean_half_width

SINGLE_REPEAT = "a single repeat has no spread"


def budget_estimate(budget: UncertaintyBudget, method: Method) -> Estimate:
    """Return a figure with the interval of its budget."""
    return _with_interval(budget.value, budget.half_width, budget.unit, method, budget.reason)


def ratio_estimate(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    unit: str,
    method: Method,
    fixed_half_width: float = 0.0,
) -> Estimate | None:
    """Return the ratio of sums with a 95 % interval from the spread of the single ratios.

    `fixed_half_width`, in `unit`, is that of errors that do not appear in the spread; it is added in quadrature. None
    without values, or where a denominator is 0.
    """
    if not numerators or any(denominator <= 0 for denominator in denominators):
        return None
    value = math.fsum(numerators) / math.fsum(denominators)
    ratios = [top / bottom for top, bottom in zip(numerators, denominators, strict=True)]
    spread = mean_half_width(ratios)
    return _from_spread(value, None if spread is None else math.hypot(spread, fixed_half_width), unit, method)


def mean_estimate(values: Sequence[float], *, unit: str, method: Method) -> Estimate | None:
    """Return the mean over repeats with Student's 95 % interval; None without values."""
    if not values:
        return None
    return _from_spread(math.fsum(values) / len(values), mean_half_width(values), unit, method)


def _from_spread(value: float, spread: float | None, unit: str, method: Method) -> Estimate:
    return _with_interval(value, spread, unit, method, SINGLE_REPEAT if spread is None else None)


def _with_interval(
    value: float, half: float | None, unit: str, method: Method, reason: str | None
) -> Estimate:
    if half is None:
        return Estimate(value=value, unit=unit, method=method, reason=reason)
    return Estimate(value=value, low=value - half, high=value + half, unit=unit, method=method, reason=reason)
