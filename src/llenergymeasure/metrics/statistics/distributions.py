"""Mean, percentiles and maximum of the values of several windows, each with a 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.statistics.clusters import design_effect, serial_effect
from llenergymeasure.metrics.statistics.estimates import SINGLE_REPEAT, ratio_estimate
from llenergymeasure.metrics.statistics.order_statistics import (
    quantile,
    rank_fractions,
    values_needed,
    values_needed_in_each,
)
from llenergymeasure.metrics.statistics.student import mean_half_width

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
STATISTICS = ("mean", *PERCENTILES, "max")
WELL_FILLED = 0.90
OBSERVED = "the largest that was observed: a sample does not bound the maximum"
INFINITE = "failed requests are infinitely late"


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """The values of one window, shape (n,), and the group of each; groups are numbered from 0.

    Values of one group may depend on each other, as those of the requests of one static batch do. An infinite value
    stands for a request that was never answered.
    """

    value: NDArray[np.float64]
    group: NDArray[np.intp]
    in_order_of_time: bool = False
    """Whether neighbours may depend on each other, as requests in one queue do; then each value is its own group."""

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def ordered(self) -> NDArray[np.float64]:
        """The values in ascending order."""
        return np.sort(self.value)


@dataclass(frozen=True, kw_only=True)
class Described:
    """Statistics by name, and why the others are unknown."""

    statistics: dict[str, Estimate]
    unknown: dict[str, str]


def describe(windows: Sequence[Values], *, unit: str, things: str, groups: str = "groups") -> Described:
    """Return mean, percentiles and maximum of what the windows have; `things` and `groups` name both in a reason.

    The mean is that of all values; a percentile is the mean over the windows of a window's own, each with the weight of
    its values. No value is negative, nor is an interval's end.
    """
    sample = _Sample(windows, unit, things, groups)
    found = {name: sample.statistic(name) for name in STATISTICS}
    return Described(
        statistics={name: each for name, each in found.items() if isinstance(each, Estimate)},
        unknown={name: each for name, each in found.items() if isinstance(each, str)},
    )


class _Sample:
    """The values of all windows."""

    def __init__(self, windows: Sequence[Values], unit: str, things: str, groups: str) -> None:
        self._windows = windows
        self._unit, self._things, self._groups = unit, things, groups
        self._n = sum(map(len, windows))

    def statistic(self, name: str) -> Estimate | str:
        """Return one statistic, or why it is unknown."""
        if not self._n:
            return f"there are no {self._things}"
        if name in PERCENTILES:
            return self._percentile(name, PERCENTILES[name])
        largest = max(float(each.ordered[-1]) for each in self._windows if len(each))
        if not math.isfinite(largest):
            return INFINITE
        if name == "max":
            return Estimate(value=largest, unit=self._unit, method="derived", reason=OBSERVED)
        return self._mean()

    def _mean(self) -> Estimate | str:
        if not all(map(len, self._windows)):
            return f"a window has no {self._things}"
        sums = [float(each.value.sum()) for each in self._windows]
        estimate = ratio_estimate(sums, self._counts, unit=self._unit, method="derived")
        return "no window was completed" if estimate is None else _not_negative(estimate)

    def _percentile(self, name: str, fraction: float) -> Estimate | str:
        too_few = self._too_few(name, fraction, 1.0)
        if too_few is not None:
            return too_few
        points = self._points(fraction)
        if not all(map(math.isfinite, points)):
            return f"{name} falls among the failed requests, which are infinitely late"
        effect = self._design_effect(fraction)
        return self._too_few(name, fraction, effect) or self._with_interval(
            points, fraction, self._n / effect
        )

    @property
    def _counts(self) -> list[float]:
        return [float(len(each)) for each in self._windows]

    def _points(self, fraction: float) -> list[float]:
        return [quantile(each.ordered, fraction) for each in self._windows]

    def _too_few(self, name: str, fraction: float, effect: float) -> str | None:
        """Return why the values do not support a percentile, where so many of them count as one."""
        needed, in_each = values_needed(fraction), values_needed_in_each(fraction)
        fewest, fewest_groups = min(map(len, self._windows)), min(self._group_counts)
        if round(self._n / effect, 6) >= needed and round(fewest / effect, 6) >= in_each <= fewest_groups:
            return None
        what = f"{name} needs at least {needed:,} {self._things}, {in_each:,} of them in each window"
        if self._n < needed or fewest < in_each:
            return f"{what}; there are {self._n:,}, {fewest:,} in the shortest window"
        what = f"{what}, that do not depend on each other; the {self._n:,}"
        if self._n_groups == self._n:
            return f"{what} waited for each other and count as {self._n / effect:,.0f}"
        what = f"{what} came in {self._n_groups:,} {self._groups}"
        if fewest_groups < in_each:
            return f"{what}, {fewest_groups:,} in the shortest window"
        return f"{what} and count as {self._n / effect:,.0f}"

    def _with_interval(self, points: Sequence[float], fraction: float, independent: float) -> Estimate:
        """Return the mean of the windows' percentiles with the wider of two intervals, on each side.

        Student's t of the percentiles, window by window: values within a window depend on each other in ways that
        nobody knows (queues, temperature), windows do not. And the order statistics of what differs within the
        windows: a few windows that agree by chance would make the first too narrow.
        """
        value = float(np.average(points, weights=self._counts))
        half = mean_half_width(points)
        if half is None:
            return Estimate(value=value, unit=self._unit, method="derived", reason=SINGLE_REPEAT)
        below, above = self._order_statistics(points, fraction, independent)
        if not math.isfinite(above):
            reason = (
                "the upper end of the interval falls among the failed requests, which are infinitely late"
            )
            return Estimate(value=value, unit=self._unit, method="derived", reason=reason)
        low, high = value - max(half, below), value + max(half, above)
        return _not_negative(Estimate(value=value, low=low, high=high, unit=self._unit, method="derived"))

    def _order_statistics(
        self, points: Sequence[float], fraction: float, independent: float
    ) -> tuple[float, float]:
        """Return how far the interval of order statistics reaches below and above; values as differences of windows."""
        n = self._n
        low, high = rank_fractions(fraction, independent)
        first = max(math.floor(low * n * (1 + 1e-12)), 1) - 1
        last = min(math.ceil(high * n * (1 - 1e-12)), n) - 1
        differences = np.concatenate(
            [each.value - point for each, point in zip(self._windows, points, strict=True)]
        )
        ends = np.partition(differences, (first, last))[[first, last]]
        return max(-float(ends[0]), 0.0), max(float(ends[1]), 0.0)

    def _design_effect(self, fraction: float) -> float:
        """Return how many values count as one, by how those above a percentile are spread over the groups.

        Few values lie above a high percentile, so it is at least that of the 90th.
        """
        if all(each.in_order_of_time for each in self._windows):
            return self._serial_effect
        if self._n_groups == self._n:
            return 1.0
        return max(self._effect_at(each) for each in {fraction, min(fraction, WELL_FILLED)})

    def _effect_at(self, fraction: float) -> float:
        above = [
            ((each.value > point).astype(float) + (each.value >= point)) / 2
            for each, point in zip(self._windows, self._points(fraction), strict=True)
        ]
        return design_effect(above, [each.group for each in self._windows])

    @cached_property
    def _serial_effect(self) -> float:
        return serial_effect([each.value for each in self._windows])

    @cached_property
    def _n_groups(self) -> int:
        return sum(self._group_counts)

    @cached_property
    def _group_counts(self) -> list[int]:
        return [int(each.group.max(initial=-1)) + 1 for each in self._windows]


def _not_negative(estimate: Estimate) -> Estimate:
    """Return an estimate of what cannot be negative, the lower end at 0 where Student's symmetry takes it below."""
    if estimate.low is None or estimate.low >= 0:
        return estimate
    return estimate.model_copy(update={"low": 0.0})
