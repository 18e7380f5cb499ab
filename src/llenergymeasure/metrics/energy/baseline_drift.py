"""Drift of the idle power since it was stored."""

from __future__ import annotations

import math

from llenergymeasure.domain.baseline import ChannelIdlePower, StoredBaseline
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import mean_channel_power_w

SIGMAS = 3.0
RELATIVE = 0.05
"""Tolerance of the check, in standard errors and relative: the larger counts. A GPU context of another process adds
26 W and more (arXiv 2605.23918)."""


def baseline_drift(account: EnergyAccount, check: Phase, stored: StoredBaseline) -> str | None:
    """Return which channel has drifted and by how much; None where every included channel agrees.

    A channel agrees whose mean over the check lies within 5 % of the stored one, or within three standard errors of
    the difference of two means of one-second slices that scatter as the stored ones did.
    """
    for index, channel in enumerate(account.channels):
        if not channel.included_in_total:
            continue
        label = channel.label
        before, now_w = stored.of(channel), mean_channel_power_w(account, index, check)
        if before is None or now_w is None:
            return f"the idle power of {label} could not be checked"
        if abs(now_w - before.power_w) > _tolerance_w(before, check.duration_s, stored.duration_s):
            return f"{label} draws {now_w:.1f} W, and drew {before.power_w:.1f} W when it was stored"
    return None


def _tolerance_w(before: ChannelIdlePower, check_s: float, stored_s: float) -> float:
    standard_error_w = before.deviation_w * math.sqrt(1 / check_s + 1 / stored_s)
    return max(SIGMAS * standard_error_w, RELATIVE * abs(before.power_w))
