"""Energies of phases that sensors resolve: those of their intervals on the trace."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.times import Runs
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.uncertainty.meter_terms import MeterTerms, combine_uncertainty

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ErrorParts:
    """95 % half-widths of an energy: what has one sign at all times, and the rest."""

    systematic_j: float = 0.0
    random_j: float = 0.0

    @property
    def half_width_j(self) -> float:
        """Of both together."""
        return math.hypot(self.systematic_j, self.random_j)


def error_parts(terms: MeterTerms) -> ErrorParts:
    """Return the parts of the terms of the meters."""
    random_j = math.hypot(terms.edges_j, terms.resolution_j, terms.alias_j or 0.0)
    return ErrorParts(systematic_j=math.hypot(terms.gain_j, terms.linearity_j or 0.0), random_j=random_j)


def energies_of_runs(
    account: EnergyAccount, prefill_ns: Runs, decode_ns: Runs, total_j: float, total: ErrorParts
) -> tuple[Floats, Floats] | str:
    """Return the energies of prefill, decode and rest with their 95 % half-widths, shapes (3,); a reason where unknown.

    Rest is what the energy of all windows has more than the two, with its share of the systematic error: what has one
    sign in all three is not counted against each other.
    """
    prefill, decode = _energy(account, prefill_ns), _energy(account, decode_ns)
    if isinstance(prefill, str):
        return prefill
    if isinstance(decode, str):
        return decode
    rest_j = total_j - prefill[0] - decode[0]
    rest = ErrorParts(
        systematic_j=total.systematic_j * abs(rest_j / total_j) if total_j else 0.0,
        random_j=math.hypot(total.random_j, prefill[1].random_j, decode[1].random_j),
    )
    half_width_j = [each.half_width_j for each in (prefill[1], decode[1], rest)]
    return np.array([prefill[0], decode[0], rest_j]), np.array(half_width_j)


def _energy(account: EnergyAccount, runs: Runs) -> tuple[float, ErrorParts] | str:
    """Return the energy of all runs together, and its error; where edges may err alike, their errors add up."""
    if not len(runs):
        return 0.0, ErrorParts()
    start_ns, end_ns = runs[:, 0], runs[:, 1]
    energies = account.total_energies(start_ns, end_ns)
    unknown = np.flatnonzero(np.isnan(energies.energy_j))
    if len(unknown):
        return str(energies.reasons[unknown[0]])
    by_channel = account.uncertainties(start_ns, end_ns)
    parts = [each.at(index) for each in by_channel for index in range(len(runs))]
    terms = combine_uncertainty([part for part in parts if part is not None])
    return math.fsum(energies.energy_j), error_parts(terms)
