"""Comparison of a device's energy counter with its integrated power readings over the windows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.build import build_curves, curve_of_short_means
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve, interval_edges
from llenergymeasure.metrics.energy.interval_uncertainty import UncertaintyModel
from llenergymeasure.metrics.signals.gaps import Gap, find_stale_power_gaps

AGREEMENT = 0.03
"""Under load a counter agrees with the integrated power to about 1 % (Zeus, issue 12)."""
SHORT_S = 0.1
"""Means over no more than this stand for a moment: lines between them are good enough to be compared to 3 %."""
UNDER_LOAD = 1.2
"""Times the idle power; at idle the two may differ by 75 % (Zeus, issue 181), which says nothing about a load."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Energy of all windows by the counter and by the power readings.

    `half_width_j` is the 95 % half-width of their difference, by the power between the readings and the windows'
    edges. It is summed as if it had one sign: a load in step with its sensor is misjudged alike in every window.
    """

    counter_j: float
    power_j: float
    half_width_j: float
    duration_s: float

    @property
    def difference(self) -> float:
        """Power over counter, less 1."""
        return self.power_j / self.counter_j - 1

    @property
    def disagrees(self) -> bool:
        """Whether they differ by more than sources do that agree, and the uncertainty of the power readings."""
        return abs(self.power_j - self.counter_j) > AGREEMENT * self.counter_j + self.half_width_j

    def is_under_load(self, idle_power_w: float | None) -> bool:
        """Whether the device did more than idle; where its idle power is not known, it is taken to have."""
        return idle_power_w is None or self.counter_j > UNDER_LOAD * idle_power_w * self.duration_s


def compare_counter_with_power(
    account: EnergyAccount, index: int, windows: Sequence[Phase]
) -> Comparison | None:
    """Compare a channel's counter with its power; None where either is missing or unknown in one of the windows."""
    curve = account.curves[index]
    if not isinstance(curve, CounterCurve) or curve.method != "counter" or not windows:
        return None
    samples = account.trace.of(index)
    power = _power_curve(curve, samples)
    edges = interval_edges(windows)
    counted, integrated = account.channel_energies(index, windows), power.energies(*edges)
    counter_j, power_j = counted.total_j, integrated.total_j
    if counter_j is None or power_j is None:
        return None
    errors = UncertaintyModel(curve=power, samples=samples).of(integrated, *edges)
    return Comparison(
        counter_j=counter_j,
        power_j=power_j,
        half_width_j=float(np.hypot(errors.random_j, counted.random_error_j).sum()),
        duration_s=sum(window.duration_s for window in windows),
    )


def find_stale_power(account: EnergyAccount, index: int, windows: Sequence[Phase]) -> Gap | None:
    """Return the longest stale power reading that touches a window: constant for long, and contradicted by the counter.

    Without a counter, being constant for long is enough.
    """
    curve = account.curves[index]
    if curve.method == "estimated":
        return None
    constant = find_stale_power_gaps(account.trace.of(index))
    stale = [gap for gap in constant if gap.touches(windows) and _is_wrong(curve, gap)]
    return max(stale, key=lambda gap: gap.duration_s, default=None)


def _is_wrong(curve: EnergyCurve, gap: Gap) -> bool:
    if curve.method != "counter":
        return True
    counted = curve.energies(np.array([gap.start_ns]), np.array([gap.end_ns])).at(0)
    if counted.energy_j is None or gap.value is None:
        return False
    shown_j = gap.value * curve.channel.gain * gap.duration_s
    return abs(shown_j - counted.energy_j) > AGREEMENT * counted.energy_j + counted.random_error_j


def _power_curve(counter: CounterCurve, samples: NDArray[Any]) -> EnergyCurve:
    """Return the energy by the power readings; of short means a straight line between them is enough here."""
    averaging_s = counter.channel.averaging_window_s
    if averaging_s is not None and averaging_s <= SHORT_S:
        return curve_of_short_means(counter, samples)
    alone = samples.copy()
    alone["channel"] = 0
    sampled = counter.channel.model_copy(update={"method": "sampled"})
    return build_curves(EnergyTrace(channels=(sampled,), samples=alone))[0]
