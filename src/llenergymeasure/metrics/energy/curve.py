"""A channel's cumulative energy as a curve that can be asked for the energies of many intervals at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.metrics.signals.faults import Fault


@dataclass(frozen=True, kw_only=True)
class IntervalEnergy:
    """Energy of one channel over one interval; None with the reason where it is unknown.

    Both errors are 95 % half-widths: of all that is independent from one interval to the next, and of the sensor.
    """

    energy_j: float | None
    method: Method
    reason: str | None = None
    random_error_j: float = 0.0
    sensor_error_j: float = 0.0


@dataclass(frozen=True, kw_only=True)
class IntervalEnergies:
    """Energies of one channel over n intervals, arrays of shape (n,); NaN where unknown, and `reasons` says why.

    Errors are 95 % half-widths. `edge_error_j`, of the ends between ticks or readings, and `alias_error_j`, of power
    between readings (aliasing; 0 for a counter), are independent from one interval to the next. `sensor_error_j` is the
    sensor's systematic error, the same share of every interval.
    """

    method: Method
    energy_j: NDArray[np.float64]
    edge_error_j: NDArray[np.float64]
    alias_error_j: NDArray[np.float64]
    sensor_error_j: NDArray[np.float64]
    open_edges: NDArray[np.float64]
    """How many of the two ends of each lie within a tick interval of a counter whose power around them is not known:
    where work begins and ends without a rest, such errors may have one sign in all repeats."""
    reasons: NDArray[np.object_]
    """A string or None for each interval."""

    def __len__(self) -> int:
        return len(self.energy_j)

    @property
    def random_error_j(self) -> NDArray[np.float64]:
        """Half-width by all that is independent from one interval to the next."""
        random_error_j: NDArray[np.float64] = np.hypot(self.edge_error_j, self.alias_error_j)
        return random_error_j

    @property
    def total_j(self) -> float | None:
        """Energy of all intervals together; None where one of them is unknown."""
        total_j = float(self.energy_j.sum())
        return None if np.isnan(total_j) else total_j

    @property
    def reason(self) -> str | None:
        """Why the first unknown energy is unknown; None where all are known."""
        return next(filter(None, self.reasons), None)

    def at(self, index: int) -> IntervalEnergy:
        """Return the energy of one of the intervals."""
        energy_j = float(self.energy_j[index])
        if np.isnan(energy_j):
            return IntervalEnergy(energy_j=None, method=self.method, reason=self.reasons[index])
        return IntervalEnergy(
            energy_j=energy_j,
            method=self.method,
            random_error_j=float(self.random_error_j[index]),
            sensor_error_j=float(self.sensor_error_j[index]),
        )

    def rows(self, index: NDArray[Any]) -> IntervalEnergies:
        """Return the energies of some of the intervals, in the order of `index`."""
        return IntervalEnergies(
            method=self.method,
            energy_j=self.energy_j[index],
            edge_error_j=self.edge_error_j[index],
            alias_error_j=self.alias_error_j[index],
            sensor_error_j=self.sensor_error_j[index],
            open_edges=self.open_edges[index],
            reasons=self.reasons[index],
        )


def join_energies(first: IntervalEnergies, second: IntervalEnergies) -> IntervalEnergies:
    """Return the energies of one channel over the intervals of both."""
    return IntervalEnergies(
        method=first.method,
        energy_j=np.concatenate([first.energy_j, second.energy_j]),
        edge_error_j=np.concatenate([first.edge_error_j, second.edge_error_j]),
        alias_error_j=np.concatenate([first.alias_error_j, second.alias_error_j]),
        sensor_error_j=np.concatenate([first.sensor_error_j, second.sensor_error_j]),
        open_edges=np.concatenate([first.open_edges, second.open_edges]),
        reasons=np.concatenate([first.reasons, second.reasons]),
    )


class EnergyCurve(Protocol):
    """One channel's cumulative energy."""

    @property
    def channel(self) -> Channel: ...

    @property
    def method(self) -> Method:
        """How the energy was obtained; `sampled` where an unusable counter was replaced by power readings."""
        ...

    @property
    def edges_ns(self) -> NDArray[np.int64]:
        """Unix times between which the sensor shows nothing more: ticks of a counter, updates of a power reading."""
        ...

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        """Return the energies of the intervals `[start_ns, end_ns)`, Unix time, arrays of shape (n,)."""
        ...


def interval_edges(intervals: Sequence[Phase]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts and the ends of phases, Unix time, as curves take them."""
    return (
        np.array([each.start_unix_ns for each in intervals], dtype=np.int64),
        np.array([each.end_unix_ns for each in intervals], dtype=np.int64),
    )


@dataclass(frozen=True, kw_only=True)
class KnownRange:
    """The range of time over which a curve is known: from its first reading to its last, without its faults.

    Seconds after `origin_ns`. `reach_s` is how far an edge may lie before the first reading or after the last one;
    `began` and `ended` say why nothing is known beyond.
    """

    origin_ns: int
    first_s: float
    last_s: float
    reach_s: float
    began: str
    ended: str
    faults: tuple[Fault, ...] = ()

    def seconds(self, unix_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return times on the axis of the curve."""
        after_s: NDArray[np.float64] = (unix_ns - self.origin_ns) / 1e9
        return after_s

    def unix_ns(self, after_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the Unix times of moments on the axis of the curve."""
        return self.origin_ns + np.rint(after_s * 1e9).astype(np.int64)

    def reasons(self, start_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[np.object_]:
        """Return why the energy of each interval is unknown, None where nothing speaks against it.

        A fault that the interval touches comes first, then an edge that lies too far outside.
        """
        reasons = np.full(len(start_s), None, dtype=object)
        for edge_s in (end_s, start_s):
            reasons[edge_s > self.last_s + self.reach_s] = self.ended
            reasons[edge_s < self.first_s - self.reach_s] = self.began
        for fault in reversed(self.faults):
            reasons[(fault.start_s < end_s) & (start_s < fault.end_s)] = fault.reason
        return reasons


BELOW_ZERO = "its readings add up to less than 0 J"


def is_known(reasons: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return of which intervals there is no reason why their energy is unknown."""
    return ~reasons.astype(bool)


def known_energies(
    curve: EnergyCurve,
    reasons: NDArray[np.object_],
    energy_j: NDArray[np.float64],
    edge_error_j: NDArray[np.float64],
    alias_error_j: NDArray[np.float64],
    open_edges: NDArray[np.float64] | None = None,
) -> IntervalEnergies:
    """Return the energies of all intervals from those of the known ones, of which `reasons` is None.

    Noise around 0 W may add up to a little less than 0 J; more than that is no energy, and unknown.
    """
    known = np.flatnonzero(is_known(reasons))
    can_be = ~(energy_j < -np.hypot(edge_error_j, alias_error_j))
    reasons[known[~can_be]] = BELOW_ZERO

    def everywhere(values: NDArray[np.float64]) -> NDArray[np.float64]:
        filled = np.full(len(reasons), np.nan)
        filled[known[can_be]] = values[can_be]
        return filled

    return IntervalEnergies(
        method=curve.method,
        energy_j=everywhere(energy_j),
        edge_error_j=everywhere(edge_error_j),
        alias_error_j=everywhere(alias_error_j),
        sensor_error_j=everywhere(curve.channel.relative_error * np.abs(energy_j)),
        open_edges=everywhere(np.zeros(len(energy_j)) if open_edges is None else open_edges),
        reasons=reasons,
    )


@dataclass(frozen=True, kw_only=True)
class UnknownCurve:
    """A channel none of whose readings can be used."""

    channel: Channel
    method: Method
    reason: str
    is_absent: bool = False
    """A counter that never moved, beside others that did: there is nothing behind it."""

    @property
    def edges_ns(self) -> NDArray[np.int64]:
        return np.empty(0, dtype=np.int64)

    def energies(self, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> IntervalEnergies:
        reasons = np.full(len(start_ns), self.reason, dtype=object)
        nothing = np.empty(0)
        return known_energies(self, reasons, nothing, nothing, nothing)
