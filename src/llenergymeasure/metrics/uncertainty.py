"""Intervals of headline figures: run-to-run spread, interval edges and the sensors' systematic error, combined."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.metrics.repeats import RepeatRow
from llenergymeasure.metrics.statistics import mean_half_width

SINGLE_REPEAT = "a single repeat has no spread"


def ratio_estimate(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    unit: str,
    method: Method,
    fixed_half_width: float = 0.0,
) -> Estimate | None:
    """Return the ratio of sums with a 95 % interval from the spread of the single ratios.

    `fixed_half_width`, in `unit`, is what does not show in the spread (sensor gain, edges); it is added in quadrature
    (GUM, JCGM 100:2008, 5.1). None where a denominator is 0.
    """
    if not numerators or any(denominator <= 0 for denominator in denominators):
        return None
    value = math.fsum(numerators) / math.fsum(denominators)
    ratios = [top / bottom for top, bottom in zip(numerators, denominators, strict=True)]
    return _with_interval(value, mean_half_width(ratios), fixed_half_width, unit, method)


def total_estimate(values: Sequence[float], *, unit: str, method: Method, fixed: float = 0.0) -> Estimate:
    """Return the sum over repeats, with the interval of another sum of as many; `fixed` as in `ratio_estimate`."""
    spread = mean_half_width(values)
    return _with_interval(
        math.fsum(values), None if spread is None else spread * len(values), fixed, unit, method
    )


def mean_estimate(values: Sequence[float], *, unit: str, method: Method) -> Estimate | None:
    """Return the mean over repeats with Student's 95 % interval; None without values."""
    if not values:
        return None
    return _with_interval(math.fsum(values) / len(values), mean_half_width(values), 0.0, unit, method)


def energy_half_width_j(rows: Sequence[RepeatRow]) -> float:
    """Return the half-width of the summed energy that the spread cannot show.

    Sensor gain has one sign in all windows, so it adds up; edges are independent, so they add in quadrature.
    """
    sensor = math.fsum(row.joules.sensor_error_j for row in rows)
    edges = math.hypot(*(row.joules.edge_error_j for row in rows))
    return math.hypot(sensor, edges)


def energy_ratio(
    rows: Sequence[RepeatRow], count: Callable[[RepeatRow], float], *, unit: str, method: Method
) -> Estimate | None:
    """Return energy per counted thing (token, request, second); None where energy or the count is unknown or 0."""
    energies = [row.joules.energy_j for row in rows]
    known = [energy for energy in energies if energy is not None]
    counts = [float(count(row)) for row in rows]
    if not known or len(known) < len(rows) or min(counts) <= 0:
        return None
    return ratio_estimate(
        known,
        counts,
        unit=unit,
        method=method,
        fixed_half_width=energy_half_width_j(rows) / math.fsum(counts),
    )


def _with_interval(value: float, spread: float | None, fixed: float, unit: str, method: Method) -> Estimate:
    if spread is None:
        return Estimate(value=value, unit=unit, method=method, reason=SINGLE_REPEAT)
    half = math.hypot(spread, fixed)
    return Estimate(value=value, low=value - half, high=value + half, unit=unit, method=method)
