"""The columns of the fit of phases: how much of each phase lies before a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.phases.times import PhaseTimes

UNEVEN = 0.1
"""Coefficient of variation of the prefills' durations above which the energy of a prefill is fitted as so much for each
and so much for each second: below, its square bounds what one power for all gets wrong, 1 %."""

PHASES = 3
"""Prefill, decode and rest, in this order."""

LEAST_REST = 1e-3
"""Of the time of both phases: less rest has no power of its own."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseColumns:
    """Runs of prefill and of decode in seconds on the axis of a curve, shapes (n, 2) and (m, 2).

    The power of prefill is one (`per_prefill`: and an energy for each prefill besides). That of decode changes along
    each run as a polynomial of `degree` in Bernstein's form, whose coefficients are powers and cannot be negative.
    """

    prefill_s: Floats
    decode_s: Floats
    degree: int = 1
    per_prefill: bool = False
    has_rest: bool = True

    def until(self, at_s: Floats) -> Floats:
        """Return how much of each column lies before each moment, shape (n, columns): seconds, and prefills."""
        prefill_s, counts = _until(self.prefill_s, at_s)
        parts = [prefill_s[:, None]]
        if self.per_prefill:
            parts.append(counts[:, None])
        if len(self.decode_s):
            parts.append(_bernstein_until(self.decode_s, at_s, self.degree))
        if self.has_rest:
            rest_s = at_s - prefill_s - _until(self.decode_s, at_s)[0]
            parts.append(rest_s[:, None])
        return np.concatenate(parts, axis=1)

    @property
    def phase_of_column(self) -> NDArray[np.intp]:
        """The number of the phase that each column belongs to: 0 prefill, 1 decode, 2 rest."""
        decoding = self.degree + 1 if len(self.decode_s) else 0
        counts = [2 if self.per_prefill else 1, decoding, int(self.has_rest)]
        return np.repeat(np.arange(PHASES), counts)


def columns_of(times: PhaseTimes, origin_ns: int, rest_s: float) -> PhaseColumns:
    """Return the columns of all runs, in seconds after `origin_ns`; without one of rest where there is next to none."""
    prefill_s, decode_s = ((runs - origin_ns) / 1e9 for runs in (times.prefill_ns, times.decode_ns))
    durations_s = prefill_s[:, 1] - prefill_s[:, 0]
    busy_s = float(durations_s.sum() + (decode_s[:, 1] - decode_s[:, 0]).sum())
    return PhaseColumns(
        prefill_s=prefill_s,
        decode_s=decode_s,
        per_prefill=float(durations_s.std()) > UNEVEN * float(durations_s.mean()),
        has_rest=rest_s > LEAST_REST * busy_s,
    )


def _until(runs_s: Floats, at_s: Floats) -> tuple[Floats, Floats]:
    """Return the seconds of all runs before each moment, and how many runs, with a part of the one it lies in."""
    if not len(runs_s):
        return np.zeros(len(at_s)), np.zeros(len(at_s))
    number, share = _place(runs_s, at_s)
    durations_s = runs_s[:, 1] - runs_s[:, 0]
    before_s = np.concatenate([[0.0], np.cumsum(durations_s)])
    return before_s[number] + share * durations_s[number], number + share


def _bernstein_until(runs_s: Floats, at_s: Floats, degree: int) -> Floats:
    """Return the integral of each Bernstein polynomial of the place in a run, over all runs before each moment.

    The integral from 0 to u of the j-th one of degree q is the sum of those of degree q + 1 after the j-th, over q + 1
    (Lorentz, Bernstein Polynomials, 1953).
    """
    from scipy.special import comb

    number, share = _place(runs_s, at_s)
    durations_s = runs_s[:, 1] - runs_s[:, 0]
    before_s = np.concatenate([[0.0], np.cumsum(durations_s)])[number]
    above = degree + 1
    terms = [comb(above, k) * share**k * (1 - share) ** (above - k) for k in range(above + 1)]
    after = np.cumsum(np.array(terms)[::-1], axis=0)[::-1][1:]
    columns: Floats = ((before_s + after * durations_s[number]) / above).T
    return columns


def _place(runs_s: Floats, at_s: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the run that each moment lies in or after, and the share of it that is over; 0 of the first before it."""
    number = np.maximum(np.searchsorted(runs_s[:, 0], at_s, side="right") - 1, 0)
    durations_s = runs_s[number, 1] - runs_s[number, 0]
    return number, np.clip((at_s - runs_s[number, 0]) / durations_s, 0.0, 1.0)
