"""Stall of a power sensor: after a load it may publish far less often, so that a reading stays for a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD = 2.5
"""Update periods from which a reading counts as held: three equal ones or more."""
FEWEST = 3
LASTS = 0.5
"""Share of the time since the first held reading that held ones make up in a stall. By chance they make up far less: a
sixth where readings in steps of 1 W scatter by 1.5 W."""
ALIKE = 0.15
"""Those of one stall are equally long to within this share of them; chance makes them of all lengths."""
MOST = 0.8
"""Share of the held readings that must be alike."""
SHORTEST_REST_S = 5.0
"""An RTX 3090 stalls from two seconds after a load on (data of Yang, Adamek, Armour, arXiv 2312.02741), a second long:
fewer than three stalls are seen in less."""
LARGEST_GAP = 0.5
"""Between two samples, as a share of a held reading: with a larger one the sampler paused."""


@dataclass(frozen=True, kw_only=True)
class PublishingStall:
    """The longest that a reading stays without load, `hold_s`, and how long after the load the first is held.

    `begins_s` is None where readings are not held: `hold_s` is then about their period.
    """

    hold_s: float
    begins_s: float | None


@dataclass(frozen=True, kw_only=True)
class _Holds:
    """Readings of one time without load: how long each stayed, and when it appeared; arrays of shape (n,)."""

    length_s: NDArray[Any]
    since_s: NDArray[Any]

    def first_held(self, period_s: float) -> int:
        """Return the number of the first that was held; where none was, how many there are."""
        held = np.flatnonzero(self.length_s > HELD * period_s)
        return int(held[0]) if len(held) else len(self.length_s)


def find_stall(
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    period_s: float,
    rests_s: Sequence[tuple[float, float]],
) -> PublishingStall | str:
    """Return how long readings of a sensor with this period stay while there is no load, or why that is not known.

    `power_w` are samples at `t_s`, both of shape (n,); `rests_s` are times without load, each after a load.
    """
    longest_s = max((end_s - start_s for start_s, end_s in rests_s), default=0.0)
    if longest_s < SHORTEST_REST_S:
        return f"it was without load for only {longest_s:.1f} s on end: calibrate for 80 s or longer"
    rests = [_holds_of(t_s, power_w, rest, period_s) for rest in rests_s]
    length_s = np.concatenate([rest.length_s for rest in rests])
    if length_s.size == 0 or length_s.max() > longest_s / 2:
        return "its readings hardly ever changed without load, and still power looks like a stalled sensor"
    since_held_s = np.concatenate([rest.length_s[rest.first_held(period_s) :] for rest in rests])
    held_s = since_held_s[since_held_s > HELD * period_s]
    if len(held_s) < FEWEST or held_s.sum() < LASTS * since_held_s.sum():
        return PublishingStall(hold_s=float(length_s.max()), begins_s=None)
    usual_s = float(np.median(held_s))
    alike = np.abs(held_s - usual_s) <= ALIKE * usual_s
    if alike.mean() < MOST:
        return (
            f"{len(held_s)} readings stayed for {held_s.min():.2f} to {held_s.max():.2f} s without load: too unequal "
            "for a stall, and still power would do the same"
        )
    begins_s = [
        float(rest.since_s[rest.first_held(period_s)] - start_s)
        for rest, (start_s, _) in zip(rests, rests_s, strict=True)
        if rest.first_held(period_s) < len(rest.since_s)
    ]
    return PublishingStall(hold_s=float(held_s[alike].max()), begins_s=float(np.median(begins_s)))


def _holds_of(
    t_s: NDArray[Any], power_w: NDArray[Any], rest_s: tuple[float, float], period_s: float
) -> _Holds:
    """Return the readings that appeared and were replaced within one time; their times are those of samples.

    The last one is left out: the next load may have ended it.
    """
    first, last = np.searchsorted(t_s, rest_s)
    at = first + 1 + np.flatnonzero(np.diff(power_w[first:last]) != 0)[:-1]
    if len(at) < 2:
        return _Holds(length_s=np.empty(0), since_s=np.empty(0))
    length_s = np.diff(t_s[at])
    gap_s = np.maximum.reduceat(np.diff(t_s[: at[-1] + 1]), at[:-1])
    read = (gap_s <= LARGEST_GAP * length_s) | (length_s <= HELD * period_s)
    return _Holds(length_s=length_s[read], since_s=t_s[at[:-1]][read])
