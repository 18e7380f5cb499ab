"""The energy of an interval, and what every source of it can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.signals.faults import Fault


@dataclass(frozen=True, kw_only=True)
class IntervalEnergy:
    """Energy of one channel over one interval; None with the reason where it is not known.

    Both errors are 95 % half-widths: `edge_error_j` is what ticks and sampling leave open, independent from one
    interval to the next; `sensor_error_j` the sensor's systematic error, the same share of every interval.
    """

    energy_j: float | None
    method: Method
    reason: str | None = None
    edge_error_j: float = 0.0
    sensor_error_j: float = 0.0


class EnergyCurve(Protocol):
    """One channel's cumulative energy, to be asked for any interval of the trace."""

    @property
    def channel(self) -> Channel: ...

    @property
    def method(self) -> Method:
        """How the energy came about; `sampled` for a counter that proved unusable beside a power reading."""
        ...

    def between(self, start_ns: int, end_ns: int) -> IntervalEnergy:
        """Return the energy of `[start_ns, end_ns)`, Unix time."""
        ...


class UnknownEnergyError(Exception):
    """Why the energy of an interval cannot be told; never leaves a curve."""


class Reaching(Protocol):
    """A curve that says how far beyond its readings it may be asked, and why not further."""

    @property
    def reach_s(self) -> float: ...

    @property
    def began(self) -> str: ...

    @property
    def ended(self) -> str: ...


def check_reach(curve: Reaching, t_s: float, first_s: float, last_s: float) -> None:
    """Raise where a moment lies too far before the first reading or after the last one."""
    if t_s < first_s - curve.reach_s:
        raise UnknownEnergyError(curve.began)
    if t_s > last_s + curve.reach_s:
        raise UnknownEnergyError(curve.ended)


def check_faults(faults: Sequence[Fault], start_s: float, end_s: float) -> None:
    """Raise for the first fault that the interval touches."""
    for fault in faults:
        if fault.start_s < end_s and start_s < fault.end_s:
            raise UnknownEnergyError(fault.reason)


@dataclass(frozen=True, kw_only=True)
class UnknownCurve:
    """A channel that told nothing usable at all."""

    channel: Channel
    method: Method
    reason: str

    def between(self, start_ns: int, end_ns: int) -> IntervalEnergy:
        return IntervalEnergy(energy_j=None, method=self.method, reason=self.reason)
