"""Energy of any interval from power readings that average over a long time, the averaging undone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Method
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.curve import IntervalEnergy, UnknownEnergyError, check_faults, check_reach
from llenergymeasure.metrics.energy.sampled_curve import power_gaps
from llenergymeasure.metrics.signals.deconvolution import DeconvolvedPower
from llenergymeasure.metrics.signals.faults import Fault
from llenergymeasure.metrics.signals.tick_interpolation import Share, edge_energy

NORMAL_95 = 1.96
UNSURE = 2.0
"""Power is no random walk, it jumps; how smooth it is, is itself an estimate; and so are the cells that tell what lies
in one of them. Widened by so much the interval covers 95 % in simulation."""


@dataclass(frozen=True, kw_only=True)
class DeconvolvedCurve:
    """The power behind the readings, `course`, after `origin_ns`; known from `first_s` to `last_s`."""

    channel: Channel
    origin_ns: int
    course: DeconvolvedPower
    energy_j: NDArray[Any]
    """Until each edge of the course's cells."""
    first_s: float
    last_s: float
    faults: tuple[Fault, ...]
    reach_s: float
    began: str
    ended: str
    method: Method = "sampled"

    def between(self, start_ns: int, end_ns: int) -> IntervalEnergy:
        start_s, end_s = (start_ns - self.origin_ns) / 1e9, (end_ns - self.origin_ns) / 1e9
        try:
            check_faults(self.faults, start_s, end_s)
            start, end = self._until(start_s), self._until(end_s)
        except UnknownEnergyError as unknown:
            return IntervalEnergy(energy_j=None, method=self.method, reason=str(unknown))
        energy_j = end.energy_j - start.energy_j
        return IntervalEnergy(
            energy_j=energy_j,
            method=self.method,
            edge_error_j=math.hypot(
                UNSURE * start.error_j, UNSURE * end.error_j, self.averaging_error_j(start_ns, end_ns)
            ),
            sensor_error_j=self.channel.relative_error * abs(energy_j),
        )

    def averaging_error_j(self, start_ns: int, end_ns: int) -> float:
        """Return the 95 % half-width of what noise and averaging leave open between the edges of two cells."""
        start_s, end_s = (start_ns - self.origin_ns) / 1e9, (end_ns - self.origin_ns) / 1e9
        return UNSURE * NORMAL_95 * self.course.deviation_j(start_s, end_s)

    def _until(self, t_s: float) -> Share:
        """Return the energy from the first edge to `t_s`; beyond the last reading at the power before it."""
        edges_s, power_w = self.course.edges_s, self.course.power_w
        check_reach(self, t_s, self.first_s, self.last_s)
        at = int(np.clip(np.searchsorted(edges_s, t_s, side="right") - 1, 0, len(power_w) - 1))
        length_s = float(edges_s[at + 1] - edges_s[at])
        around = np.clip(np.arange(at - 2, at + 3), 0, len(power_w) - 1)
        around_w = [float(each) for each in power_w[around]]
        beyond_s = max(0.0, t_s - float(edges_s[at + 1]))
        fraction = min((t_s - float(edges_s[at])) / length_s, 1.0)
        share = edge_energy(fraction, length_s, around_w)
        return Share(
            energy_j=float(self.energy_j[at]) + share.energy_j + beyond_s * around_w[2],
            error_j=share.error_j + beyond_s * around_w[2],
        )


def deconvolved_curve(
    channel: Channel, origin_ns: int, course: DeconvolvedPower, t_s: NDArray[Any], *, began: str, ended: str
) -> DeconvolvedCurve:
    """Sum up the cells of a course that was found from samples at `t_s`."""
    return DeconvolvedCurve(
        channel=channel,
        origin_ns=origin_ns,
        course=course,
        energy_j=np.concatenate([[0.0], np.cumsum(course.power_w * np.diff(course.edges_s))]),
        first_s=float(t_s[0]),
        last_s=float(t_s[-1]),
        faults=power_gaps(t_s),
        reach_s=3 * float(np.median(np.diff(t_s))),
        began=began,
        ended=ended,
    )
