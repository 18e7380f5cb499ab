"""The energy of steps, shared among the requests in them by marginal cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.attribution.by_request.participation import Participation
from llenergymeasure.metrics.attribution.by_request.sums import summed
from llenergymeasure.metrics.attribution.by_request.timeline import (
    CONTEXT,
    DECODE,
    IDLE,
    OVERHEAD,
    PREFILL,
    STEP,
    Timeline,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class StepShares:
    """The cost of each entry of a participation by the model, and its share of the step; arrays of shape (n,)."""

    own_j: NDArray[np.float64]
    """What the request adds to the step: its tokens and its context."""
    fixed_j: NDArray[np.float64]
    """What the step costs whoever is in it; each entry of a step has the same."""
    share: NDArray[np.float64]
    """Of the energy of the step; those of a step sum up to 1."""
    members: NDArray[np.intp]
    """How many requests are in each step, shape (steps,)."""


def step_shares(participation: Participation, steps: int, costs: NDArray[np.float64]) -> StepShares:
    """Return the shares by marginal cost: the fixed part of a step equally, the rest by each request's own tokens."""
    step = participation.step
    own = (
        costs[PREFILL] * participation.prefill_tokens
        + costs[DECODE] * participation.decode_tokens
        + costs[CONTEXT] * participation.context_tokens
    )
    members = np.bincount(step, minlength=steps)
    cost = own + costs[STEP] / members[step]
    together = summed(step, cost, steps)[step]
    equal = 1 / members[step]
    return StepShares(
        own_j=own,
        fixed_j=np.full(len(step), costs[STEP]),
        share=np.divide(cost, together, out=equal, where=together > 0),
        members=members,
    )


def prefill_share(participation: Participation, shares: StepShares) -> NDArray[np.float64]:
    """Return of each step the share of its energy that is prefill, by the model, shape (steps,); 0 without requests."""
    weights = np.where(participation.is_prefill, shares.share, 0.0)
    return summed(participation.step, weights, len(shares.members))


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowEnergies:
    """The energy of one window by request: arrays of shape (n,), one entry for each request in flight in it."""

    window: Phase
    request: NDArray[np.intp]
    """Row of the table of requests."""
    prefill_j: NDArray[np.float64]
    decode_j: NDArray[np.float64]
    idle_j: float
    overhead_j: float

    @property
    def energy_j(self) -> NDArray[np.float64]:
        """The energy of each request."""
        return self.prefill_j + self.decode_j

    def __len__(self) -> int:
        return len(self.request)


def window_energies(
    window: Phase,
    requests: RequestTable,
    participation: Participation,
    shares: StepShares,
    timeline: Timeline,
    energy_j: NDArray[np.float64],
) -> WindowEnergies:
    """Return the energies of one window from that of each interval of its timeline."""
    is_step = timeline.step >= 0
    of_step = np.zeros(len(shares.members))
    of_step[timeline.step[is_step]] = energy_j[is_step]
    entry_j = of_step[participation.step] * shares.share
    prefill, decode = (
        summed(participation.request, np.where(mask, entry_j, 0.0), len(requests))
        for mask in (participation.is_prefill, ~participation.is_prefill)
    )
    in_flight = requests.closed_unix_ns > window.start_unix_ns
    in_flight &= requests.service_start_unix_ns() < window.end_unix_ns
    rows = np.flatnonzero(in_flight | (prefill != 0) | (decode != 0))
    outside_j = energy_j[timeline.step == OVERHEAD].sum()
    return WindowEnergies(
        window=window,
        request=rows,
        prefill_j=prefill[rows],
        decode_j=decode[rows],
        idle_j=float(energy_j[timeline.step == IDLE].sum()),
        overhead_j=float(outside_j + of_step[shares.members == 0].sum()),
    )
