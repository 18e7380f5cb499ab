"""Updates of a power sensor: which readings it published, and when. Many samples show the same reading again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import locate_ticks


@dataclass(frozen=True, kw_only=True)
class PowerUpdates:
    """Readings `power_w` that appeared at `t_s`, arrays of shape (n,); one that equals the one before is not seen.

    `period_s` is None where they keep no fixed period, or come faster than they are sampled.
    """

    t_s: NDArray[Any]
    power_w: NDArray[Any]
    period_s: float | None

    def __len__(self) -> int:
        return len(self.t_s)

    def between(self, start_s: float, end_s: float) -> PowerUpdates:
        """Return those that appeared in `[start_s, end_s)`."""
        inside = (self.t_s >= start_s) & (self.t_s < end_s)
        return PowerUpdates(t_s=self.t_s[inside], power_w=self.power_w[inside], period_s=self.period_s)

    def evenly_spaced(self) -> PowerUpdates:
        """Return the same at multiples of one period, fitted by least squares to average out the error of each time.

        For stretches of a minute or so, over which no sensor's clock drifts; without a fixed period nothing is moved.
        """
        if self.period_s is None or len(self) < 3:
            return self
        numbers = np.round((self.t_s - self.t_s[0]) / self.period_s)
        period_s, first_s = np.polyfit(numbers, self.t_s - self.t_s[0], 1)
        t_s = self.t_s[0] + first_s + numbers * period_s
        return PowerUpdates(t_s=t_s, power_w=self.power_w, period_s=float(period_s))


def find_power_updates(t_s: NDArray[Any], power_w: NDArray[Any]) -> PowerUpdates:
    """Return the updates behind samples `power_w` at `t_s`, both of shape (n,).

    The number of changes so far is a counter, and its ticks are located as those of any other.
    """
    changed = np.flatnonzero(np.diff(power_w) != 0) + 1
    changes = np.zeros(len(t_s))
    changes[changed] = 1.0
    ticks = locate_ticks(t_s, np.cumsum(changes), None, only_certain=True)
    shown_by = changed[ticks.energy_j.astype(int) - 1]
    return PowerUpdates(t_s=ticks.t_s, power_w=power_w[shown_by], period_s=ticks.period_s)


MARGIN = 0.02
"""Of a period: a sample this near to an update may show the reading before it or the one after."""
JITTERED_MARGIN = 0.1
"""The same where updates stray by up to 3 % of the period."""
USUAL = 0.3
"""Quantile of the times between two changes: few are shorter than a period, and many longer where readings repeat."""
OFF_BEAT, ON_BEAT = 0.3, 0.9
"""Of a period that a change may be off, by jitter and by the samples around it, and of the changes that must not be."""
NEAR = 9
"""Updates whose strayings are averaged: samples show each to half a sampling period only."""
FEWEST = 30
"""Updates from which the grid is found: 3 s of the slowest sensor known."""


LONGEST_PERIOD_S = 0.1
"""Of power readings, of the cards in Yang, Adamek, Armour (arXiv 2312.02741), table 1: 20 to 100 ms."""
ROUNDED_UP = 1.1
"""A sensor's clock may be slow, and a period that was found is not exact."""


@dataclass(frozen=True, kw_only=True)
class UpdateGrid:
    """All updates of a sensor with a fixed period: at `t_s` it published `power_w`, known where it was `seen`.

    Arrays of shape (n,), without gaps.
    """

    t_s: NDArray[Any]
    power_w: NDArray[Any]
    seen: NDArray[Any]
    period_s: float

    def __len__(self) -> int:
        return len(self.t_s)


def find_update_grid(
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    longest_s: float | None = None,
    published: PowerUpdates | None = None,
) -> UpdateGrid | None:
    """Return the update grid behind samples `power_w` at `t_s`, both of shape (n,); None without a fixed period.

    An update between two samples is not seen; a reading that was sampled and had not changed was published again. A
    period longer than `longest_s` is that of the power, not of the sensor. Whoever has the updates that were seen gives
    them as `published`.
    """
    longest_s = ROUNDED_UP * (longest_s or LONGEST_PERIOD_S)
    published = find_power_updates(t_s, power_w) if published is None else published
    if published.period_s is not None and len(published) >= FEWEST:
        if published.period_s > longest_s:
            return None
        number = np.concatenate([[0], np.cumsum(np.round(np.diff(published.t_s) / published.period_s))])
        return _grid(t_s, power_w, number, published.t_s, published.period_s, MARGIN)
    return _jittered_grid(t_s, power_w, longest_s)


def _jittered_grid(t_s: NDArray[Any], power_w: NDArray[Any], longest_s: float) -> UpdateGrid | None:
    """Return the grid of a sensor whose updates stray, or whose clock does, from the times at which samples changed."""
    changed = np.flatnonzero(np.diff(power_w) != 0) + 1
    if len(changed) < FEWEST:
        return None
    seen_s = (t_s[changed - 1] + t_s[changed]) / 2
    apart_s = np.diff(seen_s)
    usual_s = float(np.quantile(apart_s, USUAL))
    period_s = float(np.median(apart_s[np.abs(apart_s / usual_s - 1) < 0.5]))
    if not 2 * float(np.median(np.diff(t_s))) <= period_s <= longest_s:
        return None
    steps = np.maximum(np.round(apart_s / period_s), 1)
    if np.mean(np.abs(apart_s / period_s - steps) < OFF_BEAT) < ON_BEAT:
        return None
    number = np.concatenate([[0], np.cumsum(steps)])
    period_s, first_s = (float(each) for each in np.polyfit(number, seen_s - seen_s[0], 1))
    beat_s = seen_s[0] + first_s + number * period_s
    near = np.ones(min(NEAR, len(number)))
    stray_s = np.convolve(seen_s - beat_s, near, "same") / np.convolve(np.ones(len(number)), near, "same")
    return _grid(t_s, power_w, number, beat_s + stray_s, period_s, JITTERED_MARGIN)


def _grid(
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    number: NDArray[Any],
    published_s: NDArray[Any],
    period_s: float,
    margin: float,
) -> UpdateGrid:
    """Return all updates from those of a `number` that were seen at `published_s`."""
    updates_s = np.interp(np.arange(number[-1] + 1), number, published_s)
    ends_s = np.append(updates_s[1:], updates_s[-1] + period_s)
    shown_by = np.searchsorted(t_s, ends_s - margin * period_s) - 1
    return UpdateGrid(
        t_s=updates_s,
        power_w=power_w[np.maximum(shown_by, 0)],
        seen=(shown_by >= 0) & (t_s[shown_by] >= updates_s + margin * period_s),
        period_s=period_s,
    )
