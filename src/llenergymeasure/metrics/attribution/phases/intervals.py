"""Energies of phases that sensors resolve: those of their intervals on the trace."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.columns import PHASES
from llenergymeasure.metrics.attribution.phases.times import Runs
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.uncertainty.meter_terms import combine_uncertainty

Floats = NDArray[np.float64]


def energies_of_runs(
    account: EnergyAccount, prefill_ns: Runs, decode_ns: Runs, total_j: float, total_half_width_j: float
) -> tuple[Floats, Floats] | str:
    """Return the energies of prefill, decode and rest with their 95 % half-widths, shapes (3,); a reason where unknown.

    Rest is what the energy of all windows has more than the two.
    """
    prefill, decode = _energy(account, prefill_ns), _energy(account, decode_ns)
    if isinstance(prefill, str):
        return prefill
    if isinstance(decode, str):
        return decode
    (prefill_j, prefill_half_j), (decode_j, decode_half_j) = prefill, decode
    half_width_j = np.zeros(PHASES)
    half_width_j[:] = (
        prefill_half_j,
        decode_half_j,
        math.hypot(total_half_width_j, prefill_half_j, decode_half_j),
    )
    return np.array([prefill_j, decode_j, total_j - prefill_j - decode_j]), half_width_j


def _energy(account: EnergyAccount, runs: Runs) -> tuple[float, float] | str:
    """Return the energy of all runs together, and its half-width; where edges may err alike, they add up."""
    if not len(runs):
        return 0.0, 0.0
    start_ns, end_ns = runs[:, 0], runs[:, 1]
    energies = account.total_energies(start_ns, end_ns)
    unknown = np.flatnonzero(np.isnan(energies.energy_j))
    if len(unknown):
        return str(energies.reasons[unknown[0]])
    by_channel = account.uncertainties(start_ns, end_ns)
    parts = [each.at(index) for each in by_channel for index in range(len(runs))]
    terms = combine_uncertainty([part for part in parts if part is not None])
    half_width_j = math.hypot(
        terms.gain_j, terms.linearity_j or 0.0, terms.edges_j, terms.resolution_j, terms.alias_j or 0.0
    )
    return math.fsum(energies.energy_j), half_width_j
