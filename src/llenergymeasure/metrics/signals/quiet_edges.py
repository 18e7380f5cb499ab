"""Edges of quiet intervals within the tick intervals of a counter: where the machine began to work, or stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks

NEAR = 0.02
"""Of a tick interval: an edge that lies nearer to a tick splits off nothing that a mean could be computed of."""

IDLE = 0.3
"""Of the way from the lowest to the highest power of a trace: what draws more is not idle. A judgement: clocks that are
still high after a load cost less, and a model that decodes draws more."""
DECAY_S = 0.15
"""After the end of work, until a card no longer draws the power of it: half of the pause between windows."""
LEAST_S = 1.0
"""Of quiet tick intervals, all together: in fewer a card that something else uses may be idle by chance."""


def add_quiet_edges(ticks: Ticks, quiet_s: NDArray[Any]) -> Ticks:
    """Return the ticks, and with them the energy until the edges of quiet intervals, `quiet_s` of shape (n, 2).

    The tick interval in which work begins is part quiet, part not. Its quiet part draws what the tick interval before
    it drew, if that was quiet as a whole; the rest of its energy belongs to the work. Likewise where work ends, by the
    tick interval after it. Equations (13a) and (13b) of docs/explanation/signal-processing.md.

    Where the device was not idle in all of them, something else used it, and nothing is added.
    """
    if len(ticks) < 4 or len(quiet_s) == 0 or not _is_idle(ticks, quiet_s):
        return ticks
    begins = _split(ticks, quiet_s[:, 1], quiet_s, step=-1)
    ends = _split(ticks, quiet_s[:, 0], quiet_s, step=1)
    t_s, energy_j, error_j = (np.concatenate([one, other]) for one, other in zip(begins, ends, strict=True))
    return _with(ticks, t_s, energy_j, error_j)


def _is_idle(ticks: Ticks, quiet_s: NDArray[Any]) -> bool:
    """Return whether every tick interval of the quiet intervals draws hardly more than the lowest of the trace."""
    power_w = ticks.mean_w
    begins_s, ends_s = ticks.t_s[:-1], ticks.t_s[1:]
    number = np.searchsorted(quiet_s[:, 0], begins_s, side="right") - 1
    since_s, until_s = quiet_s[np.maximum(number, 0)].T
    quiet = (number >= 0) & (begins_s >= since_s + DECAY_S) & (ends_s <= until_s)
    low_w, high_w = float(power_w.min()), float(power_w.max())
    enough = float((ends_s - begins_s)[quiet].sum()) > LEAST_S
    return enough and bool((power_w[quiet] <= low_w + IDLE * (high_w - low_w)).all())


def _split(
    ticks: Ticks, edge_s: NDArray[Any], quiet_s: NDArray[Any], step: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the edges that can be placed, the energy until each, and its half-width.

    `step` is -1 where the quiet part comes first, and 1 where it comes last.
    """
    length_s = np.diff(ticks.t_s)
    power_w = ticks.mean_w
    number = np.searchsorted(ticks.t_s, edge_s, side="right") - 1
    inside = (number + min(step, 0) >= 0) & (number + max(step, 0) < len(power_w))
    number, edge_s, quiet_s = number[inside], edge_s[inside], quiet_s[inside]
    beside = number + step
    error_s = np.maximum(ticks.error_s[number], ticks.error_s[number + 1])
    is_quiet = (ticks.t_s[beside] >= quiet_s[:, 0]) & (ticks.t_s[beside + 1] <= quiet_s[:, 1])
    near_s = np.maximum(NEAR * length_s[number], error_s)
    apart = np.minimum(edge_s - ticks.t_s[number], ticks.t_s[number + 1] - edge_s) > near_s
    quiet_part_s = edge_s - ticks.t_s[number] if step < 0 else ticks.t_s[number + 1] - edge_s
    quiet_j = power_w[beside] * quiet_part_s
    counted_j = power_w[number] * length_s[number]
    until_j = quiet_j if step < 0 else counted_j - quiet_j
    placed = is_quiet & apart & (quiet_j < counted_j)
    # One tick interval further on is quiet as well where the rest is long enough: it shows whether the power is steady.
    further = np.clip(beside + step, 0, len(power_w) - 1)
    further_quiet = (ticks.t_s[further] >= quiet_s[:, 0]) & (ticks.t_s[further + 1] <= quiet_s[:, 1])
    unsteady_w = np.where(further_quiet, np.abs(power_w[beside] - power_w[further]), power_w[beside] / 2)
    error_j = np.hypot(unsteady_w * quiet_part_s, power_w[beside] * error_s)
    return edge_s[placed], (ticks.energy_j[number] + until_j)[placed], error_j[placed]


def _with(ticks: Ticks, t_s: NDArray[Any], energy_j: NDArray[Any], error_j: NDArray[Any]) -> Ticks:
    """Return the ticks with some edges among them, as far as energy still rises from each to the next."""
    at_s = np.concatenate([ticks.t_s, t_s])
    order = np.argsort(at_s, kind="stable")
    all_j = np.concatenate([ticks.energy_j, energy_j])[order]
    added = np.concatenate([np.zeros(len(ticks), dtype=bool), np.ones(len(t_s), dtype=bool)])[order]
    kept = ~added | (
        (np.diff(all_j, prepend=-np.inf) >= 0)
        & (np.diff(all_j, append=np.inf) >= 0)
        & (np.diff(at_s[order], prepend=-np.inf) > 0)
    )
    return replace(
        ticks,
        t_s=at_s[order][kept],
        energy_j=all_j[kept],
        error_s=np.concatenate([ticks.error_s, np.zeros(len(t_s))])[order][kept],
        quiet_edge_j=np.concatenate([np.full(len(ticks), np.nan), error_j])[order][kept],
    )
