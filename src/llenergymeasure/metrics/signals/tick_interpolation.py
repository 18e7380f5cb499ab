"""How energy is spread within one tick of a counter: the little that its readings leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Share:
    """Energy from the start of a tick interval to a point in it, with the 95 % half-width its shape leaves open."""

    energy_j: float
    error_j: float


def edge_energy(fraction: float, duration_s: float, around_w: Sequence[float]) -> Share:
    """Return the energy of the first `fraction` of a tick interval, from its own mean power and its neighbours'.

    `around_w` holds five mean powers: of the two intervals before, of this one, and of the two after. The error is the
    most by which a course of the same mean, between the lowest and the highest of the five powers, could differ.
    """
    _, before_w, here_w, after_w, _ = around_w
    mean_w = first_part(fraction, before_w, here_w, after_w)
    low_w, high_w = _power_bounds(around_w)
    most_w = min(fraction * high_w, here_w - (1 - fraction) * low_w)
    least_w = max(fraction * low_w, here_w - (1 - fraction) * high_w)
    error_w = max(0.0, most_w - mean_w, mean_w - least_w)
    return Share(energy_j=mean_w * duration_s, error_j=error_w * duration_s)


def first_part(fraction: float, before_w: float, here_w: float, after_w: float) -> float:
    """Return the energy of the first `fraction` of an interval over its duration, in watts.

    Where the mean lies between those next to it, the power stepped from the one to the other within the interval, and
    the mean tells when: reconstruction at sub-cell resolution (Harten 1989, J. Comput. Phys. 83, 148-184). It is exact
    for a step, and no worse than a straight line for a slope. Elsewhere the power is taken as constant.
    """
    stepped = (here_w - after_w) * (before_w - here_w) > 0
    if not stepped:
        return here_w * fraction
    until = (here_w - after_w) / (before_w - after_w)
    return before_w * min(fraction, until) + after_w * max(0.0, fraction - until)


def _power_bounds(around_w: Sequence[float]) -> tuple[float, float]:
    """Return the range of powers within the interval; a peak or a trough may go as far again as its mean shows."""
    here_w = around_w[2]
    others_w = [*around_w[:2], *around_w[3:]]
    low_w, high_w = min(others_w), max(others_w)
    if here_w > high_w:
        return low_w, 2 * here_w - high_w
    if here_w < low_w:
        return max(0.0, 2 * here_w - low_w), high_w
    return low_w, high_w
