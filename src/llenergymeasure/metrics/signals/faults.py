"""Stretches of a trace over which the energy of a channel is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultCode = Literal["counter_reset", "counter_frozen", "counter_wrap_missed", "sample_gap"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A stretch of the trace over which the energy of a channel is not known, in seconds on the curve's own axis."""

    start_s: float
    end_s: float
    code: FaultCode
    reason: str
