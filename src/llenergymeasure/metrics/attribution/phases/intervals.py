"""Energies of phases that sensors resolve: those of their intervals on the trace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.times import Runs
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.uncertainty.meter_terms import MeterTerms, combine_uncertainty, meter_terms

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


@dataclass(frozen=True, kw_only=True, eq=False)
class RunEnergies:
    """Energies of prefill, decode and rest, from the first to the last column."""

    by_window_j: Floats
    """Shape (windows, 3)."""
    half_width_j: Floats
    """95 % half-widths of the sums by the meters, shape (3,)."""
    fleeting_j: Floats
    """Their part by errors that differ from window to window, which make repeats differ as well."""


def error_parts(terms: MeterTerms) -> ErrorParts:
    """Return the parts of the terms of the meters."""
    random_j = math.hypot(terms.edges_j, terms.resolution_j, terms.alias_j or 0.0)
    return ErrorParts(systematic_j=math.hypot(terms.gain_j, terms.linearity_j or 0.0), random_j=random_j)


def energies_of_runs(
    account: EnergyAccount, prefill_ns: Runs, decode_ns: Runs, rows: Sequence[WindowTotals]
) -> RunEnergies | str:
    """Return the energies of prefill, decode and rest of the windows; a reason where unknown.

    Rest is what the energy of a window has more than the two, with its share of the systematic error: what has one
    sign in all three is not counted against each other.
    """
    starts_ns = np.array([row.window.start_unix_ns for row in rows])
    prefill, decode = (_energies(account, runs, starts_ns) for runs in (prefill_ns, decode_ns))
    if isinstance(prefill, str):
        return prefill
    if isinstance(decode, str):
        return decode
    window_j, meters = np.array([row.energy.energy_j or 0.0 for row in rows]), meter_terms(rows)
    rest_j, total_j = window_j - prefill[0] - decode[0], float(window_j.sum())
    errors = [error_parts(terms) for terms in (prefill[1], decode[1], meters)]
    rest = ErrorParts(
        systematic_j=errors[2].systematic_j * abs(float(rest_j.sum()) / total_j) if total_j else 0.0,
        random_j=math.hypot(*(each.random_j for each in errors)),
    )
    fleeting_j = [terms.random_j for terms in (prefill[1], decode[1], meters)]
    return RunEnergies(
        by_window_j=np.column_stack([prefill[0], decode[0], rest_j]),
        half_width_j=np.array([each.half_width_j for each in (*errors[:2], rest)]),
        fleeting_j=np.array([*fleeting_j[:2], math.hypot(*fleeting_j)]),
    )


def _energies(
    account: EnergyAccount, runs: Runs, starts_ns: NDArray[np.int64]
) -> tuple[Floats, MeterTerms] | str:
    """Return the energy of the runs by window, and the error of their sum: edges that may err alike add up."""
    if not len(runs):
        return np.zeros(len(starts_ns)), combine_uncertainty(())
    start_ns, end_ns = runs[:, 0], runs[:, 1]
    energies = account.total_energies(start_ns, end_ns)
    unknown = np.flatnonzero(np.isnan(energies.energy_j))
    if len(unknown):
        return str(energies.reasons[unknown[0]])
    by_channel = account.uncertainties(start_ns, end_ns)
    parts = [each.at(index) for each in by_channel for index in range(len(runs))]
    terms = combine_uncertainty([part for part in parts if part is not None])
    window = np.searchsorted(starts_ns, start_ns, side="right") - 1
    by_window_j: Floats = np.zeros(len(starts_ns))
    np.add.at(by_window_j, window, energies.energy_j)
    return by_window_j, terms
