"""Sub-tick interpolation of a cumulative counter: the energy drawn between a tick and a moment within its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class EdgeEnergy:
    """Energy from the start of a tick interval to a moment in it, and its 95 % half-width; arrays of shape (n,)."""

    energy_j: NDArray[Any]
    error_j: NDArray[Any]


def edge_energy(
    fraction: NDArray[Any], duration_s: NDArray[Any], around_w: NDArray[Any], highest_w: float = 0.0
) -> EdgeEnergy:
    """Return the energy of the first `fraction` of n tick intervals, from their mean powers and their neighbours'.

    `around_w`, of shape (5, n), holds the mean powers of the two intervals before, of this one, and of the two after.
    The error is the most by which a power curve of the same mean, between the lowest and the highest of the five
    powers, could differ: equation (12) of docs/explanation/signal-processing.md. A peak may be as high as `highest_w`,
    that of the whole run.
    """
    before_w, here_w, after_w = around_w[1:4]
    mean_w = first_part(fraction, before_w, here_w, after_w)
    low_w, high_w = _power_bounds(around_w, highest_w)
    most_w = np.minimum(fraction * high_w, here_w - (1 - fraction) * low_w)
    least_w = np.maximum(fraction * low_w, here_w - (1 - fraction) * high_w)
    error_w = np.maximum(0.0, np.maximum(most_w - mean_w, mean_w - least_w))
    return EdgeEnergy(energy_j=mean_w * duration_s, error_j=error_w * duration_s)


def first_part(
    fraction: NDArray[Any], before_w: NDArray[Any], here_w: NDArray[Any], after_w: NDArray[Any]
) -> NDArray[Any]:
    """Return the energy of the first `fraction` of an interval over its duration, in watts; arrays of shape (n,).

    Where the mean lies between those next to it, the power stepped from the one to the other within the interval, and
    the mean shows when: reconstruction at sub-cell resolution (Harten 1989, J. Comput. Phys. 83, 148-184). It is exact
    for a step, and no worse than a straight line for a slope. Elsewhere the power is taken as constant. Equation (11)
    of docs/explanation/signal-processing.md.
    """
    stepped = (here_w - after_w) * (before_w - here_w) > 0
    difference_w = np.where(stepped, before_w - after_w, 1.0)
    until = (here_w - after_w) / difference_w
    step_w = before_w * np.minimum(fraction, until) + after_w * np.maximum(0.0, fraction - until)
    energy_w: NDArray[Any] = np.where(stepped, step_w, here_w * fraction)
    return energy_w


def _power_bounds(around_w: NDArray[Any], highest_w: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the range of powers within each interval; a peak or a trough may go as far again as its mean shows."""
    here_w, others_w = around_w[2], around_w[[0, 1, 3, 4]]
    low_w, high_w = others_w.min(axis=0), others_w.max(axis=0)
    is_peak, is_trough = here_w > high_w, here_w < low_w
    return (
        np.where(is_trough, np.maximum(0.0, 2 * here_w - low_w), low_w),
        np.where(is_peak, np.maximum(highest_w, 2 * here_w - high_w), high_w),
    )
