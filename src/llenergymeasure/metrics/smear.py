"""Power readings that are means over a long time: what lies before a window is in its first readings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llenergymeasure.metrics.sampled import NORMAL_95

if TYPE_CHECKING:
    from llenergymeasure.metrics.sampled import SampledCurve

STEP_SHARE = 1 / math.sqrt(120)
"""A step anywhere within the averaging time W leaves `step * W * x * (1 - x) / 2` open for x in [0, 1]; this is the
root of its mean square over `step * W`."""


def smear_error_j(curve: SampledCurve, start_s: float, end_s: float, averaging_s: float) -> float:
    """Return the 95 % half-width of what means over `averaging_s` leave open in a window, in joules.

    A mean that appears now is, if the power was steady, of half an averaging time ago: so the window's readings miss
    the difference between its two ends times that half. When within an averaging time a change came, they do not
    tell.
    """
    import numpy as np

    near = (curve.t_s > start_s - averaging_s) & (curve.t_s < end_s + averaging_s)
    gaps_s, changes_w = np.diff(curve.t_s[near]), np.diff(curve.power_w[near])
    if len(gaps_s) == 0:
        return 0.0
    at_start_w, at_end_w = np.interp([start_s, end_s], curve.t_s, curve.power_w)
    late_j = averaging_s / 2 * abs(float(at_end_w - at_start_w))
    step_w = math.sqrt(float(np.mean(changes_w**2))) * max(1.0, averaging_s / float(np.median(gaps_s)))
    return late_j + NORMAL_95 * math.sqrt(2) * STEP_SHARE * step_w * averaging_s
