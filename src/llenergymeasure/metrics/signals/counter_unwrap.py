"""Unwrapping of raw counter readings into one rising line: wraps, resets and blank readings distinguished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.faults import Fault, FaultCode

PLAUSIBLE_W = 5000.0
"""No single device draws more, several times the specified power of any accelerator: a fall that, taken as a wrap,
would mean more is a reset."""
DIP_SAMPLES = 3
"""A counter that falls and is back within this many samples did not fall: the reading was bad."""


@dataclass(frozen=True, kw_only=True)
class UnwrappedCounter:
    """Readings `energy_j` at `t_s`, never falling, of shape (n,); energy drawn within `faults` is not included."""

    t_s: NDArray[Any]
    energy_j: NDArray[Any]
    faults: tuple[Fault, ...] = ()


def unwrap(t_s: NDArray[Any], raw_j: NDArray[Any], range_j: float | None) -> UnwrappedCounter:
    """Return the readings with each wrap at `range_j` undone; a reset adds nothing and is a fault."""
    good = ~_is_dip(raw_j)
    t_s, raw_j = t_s[good], raw_j[good]
    rise_j, gap_s = np.diff(raw_j), np.diff(t_s)
    fell = rise_j < 0
    if range_j is not None:
        wrapped = fell & (rise_j + range_j >= 0) & (rise_j + range_j <= PLAUSIBLE_W * gap_s)
        rise_j = np.where(wrapped, rise_j + range_j, rise_j)
        fell &= ~wrapped
    rise_j = np.where(fell, 0.0, rise_j)
    energy_j = np.concatenate([[0.0], np.cumsum(rise_j)])
    resets = [_fault(t_s, at, "counter_reset", "the energy counter was reset") for at in np.flatnonzero(fell)]
    return UnwrappedCounter(
        t_s=t_s, energy_j=energy_j, faults=(*resets, *_lost_wraps(t_s, gap_s, energy_j, range_j))
    )


def _is_dip(raw_j: NDArray[Any]) -> NDArray[Any]:
    """Find readings below the counter shortly before and shortly after."""
    padded = np.concatenate([np.full(DIP_SAMPLES, -np.inf), raw_j, np.full(DIP_SAMPLES, -np.inf)])
    highest = sliding_window_view(padded, DIP_SAMPLES).max(axis=1)
    before, after = highest[: len(raw_j)], highest[DIP_SAMPLES + 1 :]
    dip: NDArray[Any] = (raw_j < before) & (after >= before)
    return dip


def _lost_wraps(
    t_s: NDArray[Any], gap_s: NDArray[Any], energy_j: NDArray[Any], range_j: float | None
) -> tuple[Fault, ...]:
    """Find gaps in which, at twice the mean power, the counter would have wrapped once without being read."""
    if range_j is None or len(t_s) < 2 or t_s[-1] <= t_s[0]:
        return ()
    mean_w = energy_j[-1] / (t_s[-1] - t_s[0])
    reason = "the counter was not read for so long that it may have gone round unseen"
    return tuple(
        _fault(t_s, at, "counter_wrap_missed", reason) for at in np.flatnonzero(gap_s * 2 * mean_w > range_j)
    )


def _fault(t_s: NDArray[Any], at: np.signedinteger[Any], code: FaultCode, reason: str) -> Fault:
    return Fault(start_s=float(t_s[at]), end_s=float(t_s[at + 1]), code=code, reason=reason)
