"""Averaging window of a power sensor, from its response to a load that is switched at known times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import PowerUpdates
from llenergymeasure.metrics.statistics.student import student_t

WINDOWS_S = (0.002, 4.0)
DELAYS_S = (-0.03, 0.3)
"""Between switching the load and the power: the launch of a kernel, clocks that rise, a sensor's own delay."""
TRIALS = 72
"""Of windows and of delays, of which the best pair is refined."""
FOLLOWS = 0.9
"""Least share of the readings' variance that a box must explain."""
FEWEST = 30
BLOCKS = 8
"""Stretches of the load; the interval is from how much the window changes where one is left out."""


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """Each reading is the mean over `window_s`, `delay_s` late; that explains the share `explained` of its variance.

    `half_width_s` is half the width of the window's 95 % interval.
    """

    window_s: float
    delay_s: float
    explained: float
    half_width_s: float

    @property
    def followed(self) -> bool:
        """Whether the sensor followed the load closely enough for the window to be known."""
        return self.explained >= FOLLOWS


def fit_averaging(published: PowerUpdates, switched_s: Sequence[float]) -> Averaging | None:
    """Fit window and delay by least squares; None for too few readings.

    The load is on from `switched_s[0]` to `switched_s[1]`, off until `switched_s[2]`, and so on. A reading at t is
    taken as `idle + rise * (share of [t - delay - window, t - delay) under load) + drift * t`, as in the box-car model
    of Yang, Adamek, Armour (arXiv 2312.02741).
    """
    if len(published) < FEWEST or len(switched_s) < 4:
        return None
    edges_s = np.asarray(switched_s)
    loaded_s = np.concatenate([[0.0], np.cumsum(np.diff(edges_s) * (np.arange(len(edges_s) - 1) % 2 == 0))])
    tried = _best_trial(published, edges_s, loaded_s)
    window_s, delay_s, explained = _refined(published, edges_s, loaded_s, *tried)
    without_s = [
        _refined(part, edges_s, loaded_s, window_s, delay_s)[0] for part in _without_each_block(published)
    ]
    return Averaging(
        window_s=window_s,
        delay_s=delay_s,
        explained=explained,
        half_width_s=_jackknife_half_width(without_s),
    )


def _best_trial(
    published: PowerUpdates, edges_s: NDArray[Any], loaded_s: NDArray[Any]
) -> tuple[float, float]:
    """Return window and delay of the pair of trials that explains most."""
    windows_s, delays_s = np.geomspace(*WINDOWS_S, TRIALS), np.linspace(*DELAYS_S, TRIALS)
    explained = [_explained(published, edges_s, loaded_s, window_s, delays_s) for window_s in windows_s]
    window, delay = np.unravel_index(int(np.argmax(explained)), (TRIALS, TRIALS))
    return float(windows_s[window]), float(delays_s[delay])


def _refined(
    published: PowerUpdates,
    edges_s: NDArray[Any],
    loaded_s: NDArray[Any],
    window_s: float,
    delay_s: float,
) -> tuple[float, float, float]:
    """Return window, delay and the explained share at the best pair near the given one.

    By the simplex of Nelder and Mead (1965): a longer window and a shorter delay have almost the same effect, and a
    search along the two axes would stop early in that valley.
    """
    from scipy.optimize import minimize

    def left(logarithm_and_delay: NDArray[Any]) -> float:
        window, delay = math.exp(logarithm_and_delay[0]), logarithm_and_delay[1:]
        return 1.0 - float(_explained(published, edges_s, loaded_s, window, delay)[0])

    start = np.array([math.log(window_s), delay_s])
    simplex = start + np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.01]])
    options = {"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-12}
    found = minimize(left, start, method="Nelder-Mead", options=options)
    return math.exp(found.x[0]), float(found.x[1]), 1.0 - float(found.fun)


def _without_each_block(published: PowerUpdates) -> Iterator[PowerUpdates]:
    for block in np.array_split(np.arange(len(published)), BLOCKS):
        kept = np.delete(np.arange(len(published)), block)
        yield PowerUpdates(
            t_s=published.t_s[kept], power_w=published.power_w[kept], period_s=published.period_s
        )


def _jackknife_half_width(without_s: Sequence[float]) -> float:
    """Return Student's 95 % half-width of an estimate from those that each leave one of n blocks out (Tukey 1958).

    Readings of one block depend on each other, which residuals of single readings would not show.
    """
    count = len(without_s)
    variance = (count - 1) ** 2 / count * float(np.var(without_s, ddof=1)) if count > 1 else 0.0
    return student_t(count - 1) * math.sqrt(variance)


def _explained(
    published: PowerUpdates,
    edges_s: NDArray[Any],
    loaded_s: NDArray[Any],
    window_s: float,
    delays_s: NDArray[Any],
) -> NDArray[Any]:
    """Return the share of the readings' variance that one window explains, with each of the delays."""
    reading = _without_line(published.power_w[None, :], published.t_s)
    variance = float((reading**2).sum()) or 1.0
    until_s = published.t_s[None, :] - delays_s[:, None]
    loaded_until_s = np.interp(until_s, edges_s, loaded_s)
    share = (loaded_until_s - np.interp(until_s - window_s, edges_s, loaded_s)) / window_s
    share = _without_line(share, published.t_s)
    squares = (share**2).sum(axis=1)
    explained: NDArray[Any] = (
        (share * reading).sum(axis=1) ** 2 / np.where(squares > 0, squares, np.inf) / variance
    )
    return explained


def _without_line(rows: NDArray[Any], t_s: NDArray[Any]) -> NDArray[Any]:
    """Take mean and linear drift out of each row."""
    centred_s = t_s - t_s.mean()
    rows = rows - rows.mean(axis=1, keepdims=True)
    slope = (rows * centred_s).sum(axis=1, keepdims=True) / (centred_s**2).sum()
    left: NDArray[Any] = rows - slope * centred_s
    return left
