"""Energies of intervals that were asked for before, remembered so that each interval is computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.energy.curve import EnergyCurve, IntervalEnergies, join_energies


class RememberedEnergies:
    """The energies of several curves over all intervals asked for so far."""

    def __init__(self, curves: Sequence[EnergyCurve]) -> None:
        self._curves = curves
        self._row: dict[tuple[int, int], int] = {}
        nothing = np.empty(0, dtype=np.int64)
        self._energies = [curve.energies(nothing, nothing) for curve in curves]

    def of(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> list[IntervalEnergies]:
        """Return the energies of each curve over the intervals `[start_ns, end_ns)`, arrays of shape (n,)."""
        intervals = list(zip(start_ns.tolist(), end_ns.tolist(), strict=True))
        new = [each for each in dict.fromkeys(intervals) if each not in self._row]
        if new:
            self._compute(new)
        rows = np.fromiter((self._row[each] for each in intervals), dtype=np.intp, count=len(intervals))
        return [energies.rows(rows) for energies in self._energies]

    def _compute(self, new: Sequence[tuple[int, int]]) -> None:
        start_ns, end_ns = np.array(new, dtype=np.int64).T
        self._energies = [
            join_energies(energies, curve.energies(start_ns, end_ns))
            for energies, curve in zip(self._energies, self._curves, strict=True)
        ]
        self._row.update((each, row) for row, each in enumerate(new, start=len(self._row)))
