"""Averaging window of a power sensor, from its response to a load that is switched at known times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.power_updates import PowerUpdates

WINDOWS_S = (0.002, 4.0)
DELAYS_S = (-0.03, 0.3)
"""Between switching the load and the power: the launch of a kernel, clocks that rise, a sensor's own delay."""
COARSE = 72
FINE = 11
ROUNDS = 10
SHRINK = 0.6
"""A longer window and a shorter delay have almost the same effect, so the search narrows slowly."""
FOLLOWS = 0.9
"""Least share of the readings' variance that a box must explain."""
FEWEST = 30


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """Each reading is the mean over `window_s`, `delay_s` late; that explains the share `explained` of its variance."""

    window_s: float
    delay_s: float
    explained: float

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
    window_s, delay_s, explained = _best(
        published, edges_s, loaded_s, np.geomspace(*WINDOWS_S, COARSE), np.linspace(*DELAYS_S, COARSE)
    )
    ratio, span_s = 1.25, (DELAYS_S[1] - DELAYS_S[0]) / COARSE
    for _ in range(ROUNDS):
        windows_s = window_s * np.geomspace(1 / ratio, ratio, FINE)
        delays_s = delay_s + span_s * np.linspace(-1, 1, FINE)
        window_s, delay_s, explained = _best(published, edges_s, loaded_s, windows_s, delays_s)
        ratio, span_s = ratio**SHRINK, span_s * SHRINK
    return Averaging(window_s=window_s, delay_s=delay_s, explained=explained)


def _best(
    published: PowerUpdates,
    edges_s: NDArray[Any],
    loaded_s: NDArray[Any],
    windows_s: NDArray[Any],
    delays_s: NDArray[Any],
) -> tuple[float, float, float]:
    """Return the window, the delay and the share of the variance that they explain, of all pairs the best."""
    reading = _without_line(published.power_w[None, :], published.t_s)
    variance = float((reading**2).sum()) or 1.0
    until_s = published.t_s[None, :] - delays_s[:, None]
    loaded_until_s = np.interp(until_s, edges_s, loaded_s)
    best = (float(windows_s[0]), float(delays_s[0]), -1.0)
    for window_s in windows_s:
        share = (loaded_until_s - np.interp(until_s - window_s, edges_s, loaded_s)) / window_s
        share = _without_line(share, published.t_s)
        squares = (share**2).sum(axis=1)
        explained = (share * reading).sum(axis=1) ** 2 / np.where(squares > 0, squares, np.inf) / variance
        at = int(explained.argmax())
        if explained[at] > best[2]:
            best = (float(window_s), float(delays_s[at]), float(explained[at]))
    return best


def _without_line(rows: NDArray[Any], t_s: NDArray[Any]) -> NDArray[Any]:
    """Take mean and linear drift out of each row."""
    centred_s = t_s - t_s.mean()
    rows = rows - rows.mean(axis=1, keepdims=True)
    slope = (rows * centred_s).sum(axis=1, keepdims=True) / (centred_s**2).sum()
    left: NDArray[Any] = rows - slope * centred_s
    return left
