"""Whether a device's energy counter and its power readings tell the same over the windows of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.energy.interval_uncertainty import channel_uncertainty, reading_step
from llenergymeasure.metrics.signals.gaps import Gap, find_stale_power_gap

AGREEMENT = 0.03
"""Under load a counter agrees with the integrated power to about 1 % (Zeus, issue 12)."""
SHORT_S = 0.1
"""Means over no more than this stand for a moment: lines between them are good enough to be compared to 3 %."""
UNDER_LOAD = 1.2
"""Times the idle power; at idle the two may differ by 75 % (Zeus, issue 181), which says nothing about a load."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Energy of all windows by the counter and by the power readings.

    `open_j` is the 95 % half-width of what lies between the readings and at the windows' edges. It is summed as if it
    had one sign: a load that keeps step with its sensor is misjudged the same way in every window.
    """

    counter_j: float
    power_j: float
    open_j: float
    duration_s: float

    @property
    def difference(self) -> float:
        """Power over counter, less 1."""
        return self.power_j / self.counter_j - 1

    @property
    def disagrees(self) -> bool:
        """Whether they differ by more than they may, and than the power readings leave open."""
        return abs(self.power_j - self.counter_j) > AGREEMENT * self.counter_j + self.open_j

    def is_under_load(self, idle_power_w: float | None) -> bool:
        """Whether the device did more than idle; where its idle power is not known, it is taken to have."""
        return idle_power_w is None or self.counter_j > UNDER_LOAD * idle_power_w * self.duration_s


def compare_sources(account: EnergyAccount, index: int, windows: Sequence[Phase]) -> Comparison | None:
    """Compare a channel's counter with its power; None where either is missing or unknown in one of the windows."""
    curve = account.curves[index]
    if not isinstance(curve, CounterCurve) or curve.method != "counter" or not windows:
        return None
    samples = account.trace.of(index)
    power = _power_curve(curve.channel, samples)
    counter_j = power_j = open_j = 0.0
    step_w = reading_step(power, samples)
    for window in windows:
        counted = curve.between(window.start_unix_ns, window.end_unix_ns)
        integrated = power.between(window.start_unix_ns, window.end_unix_ns)
        errors = channel_uncertainty(power, samples, step_w, window)
        if counted.energy_j is None or integrated.energy_j is None or errors is None:
            return None
        counter_j += counted.energy_j
        power_j += integrated.energy_j
        open_j += math.hypot(errors.random_j, counted.edge_error_j)
    duration_s = sum(window.duration_s for window in windows)
    return Comparison(counter_j=counter_j, power_j=power_j, open_j=open_j, duration_s=duration_s)


def find_stale_power(account: EnergyAccount, index: int, windows: Sequence[Phase]) -> Gap | None:
    """Return the longest stretch that touches a window in which a channel's power reading stood still and was wrong to.

    The counter beside it, if there is one, tells, or is itself in doubt; without one, standing still is enough.
    """
    curve = account.curves[index]
    if curve.method == "estimated":
        return None
    standing = find_stale_power_gap(account.trace.of(index))
    stale = [lapse for lapse in standing if lapse.touches(windows) and _is_wrong(curve, lapse)]
    return max(stale, key=lambda lapse: lapse.duration_s, default=None)


def _is_wrong(curve: EnergyCurve, lapse: Gap) -> bool:
    if curve.method != "counter":
        return True
    counted = curve.between(lapse.start_ns, lapse.end_ns)
    if counted.energy_j is None or lapse.value is None:
        return False
    shown_j = lapse.value * curve.channel.gain * lapse.duration_s
    return abs(shown_j - counted.energy_j) > AGREEMENT * counted.energy_j + counted.edge_error_j


def _power_curve(channel: Channel, samples: NDArray[Any]) -> EnergyCurve:
    """Return the energy by the power readings; of short means a straight line between them is enough here."""
    averaging_s = channel.averaging_window_s
    update = {
        "method": "sampled",
        "averaging_window_s": averaging_s if averaging_s and averaging_s > SHORT_S else None,
    }
    alone = samples.copy()
    alone["channel"] = 0
    sampled = channel.model_copy(update=update)
    return build_curves(EnergyTrace(channels=(sampled,), samples=alone))[0]
