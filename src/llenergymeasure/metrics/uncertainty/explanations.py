"""Explanations of the terms of an uncertainty budget, in sentences with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llenergymeasure.domain.estimate import digits
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty
from llenergymeasure.metrics.energy.sampled_curve import NORMAL_95
from llenergymeasure.metrics.uncertainty.remedies import Windows, seconds_text

ROUNDING = 1e-9
"""Joules or watts under this are the rounding error of floating-point sums: no sensor resolves them."""
NOUNS = {"gpu": "GPU", "cpu": "CPU sensor", "dram": "DRAM sensor", "system": "system sensor"}


def explain_gain(channels: Sequence[Channel]) -> str:
    """Name each sensor's systematic error; those of a kind together."""
    kinds = dict.fromkeys(_kind(each) for each in channels if each.relative_error or each.offset_error_w)
    if not kinds:
        return "no meter states a systematic error of its own"
    parts = (_systematic(kind, [each for each in channels if _kind(each) == kind]) for kind in kinds)
    return "systematic error of the sensors, the same in every window: " + ", ".join(parts)


def explain_linearity(channels: Sequence[Channel]) -> str:
    """State how far each kind of sensor deviates from a straight line of the power."""
    kinds = dict.fromkeys((each.domain, each.linearity, each.linearity_w) for each in channels)
    parts = [
        f"{digits(100 * share)} % or {digits(power_w)} W of each {NOUNS[domain]}"
        for domain, share, power_w in kinds
        if share or power_w
    ]
    return "readings deviate from a straight line of the power (standard deviation): " + ", ".join(parts)


def explain_edges(parts: Sequence[ChannelUncertainty], windows: Windows) -> str:
    """State the uncertainty of the ends of one window."""
    each_j = math.hypot(*(part.edges_j for part in parts)) / math.sqrt(windows.count)
    return f"both ends of {_windows(windows)} lie between two ticks or readings: ±{_digits(each_j)} J for each window"


def explain_resolution(parts: Sequence[ChannelUncertainty]) -> str:
    """Name the steps of counters and of power readings."""
    counters = {part.step for part in parts if part.step and not part.readings}
    powers = {part.step for part in parts if part.step and part.readings}
    texts = [f"counters move in steps of {_list(counters, 'J')}"] if counters else []
    texts += [f"power is stated in steps of {_list(powers, 'W')}"] if powers else []
    return "; ".join(texts) or "values of a model, which have no steps"


def explain_aliasing(parts: Sequence[ChannelUncertainty], windows: Windows) -> str:
    """State the number of power readings and their scatter."""
    sampled = [part for part in parts if part.readings]
    readings = sum(part.readings for part in sampled)
    alias_j = math.hypot(*(part.alias_j for part in sampled))
    sensors = len(sampled) / windows.count
    scatter_w = alias_j / NORMAL_95 / (sensors * windows.total_s) * math.sqrt(readings)
    return f"{readings:.0f} power readings stand for all moments between them, and scatter by {digits(scatter_w)} W"


def explain_spread(figure: str, scatter: float, windows: Windows, *, net: bool, explained: bool) -> str:
    """State how a figure scatters from repeat to repeat, and whether the meters alone explain it.

    `scatter` is a share of the figure, and where idle energy was subtracted (`net`) of the gross energy.
    """
    of = " of the gross energy" if net else ""
    text = (
        f"the {figure} of {windows.count} repeats scatters by {digits(100 * scatter)} %{of} "
        "(standard deviation)"
    )
    return (
        f"{text}, no more than the meters explain"
        if explained
        else f"{text}; what the meters explain is left out"
    )


def explain_baseline(power_w: float, half_width_w: float, windows: Windows) -> str:
    """State the idle power and its uncertainty."""
    return f"idle power {power_w:.4g} ± {_digits(half_width_w)} W, subtracted over {_windows(windows)}"


def _kind(channel: Channel) -> tuple[str, float, float, float]:
    return channel.domain, channel.relative_error, channel.offset_error_w, channel.error_in_common


def _systematic(kind: tuple[str, float, float, float], channels: Sequence[Channel]) -> str:
    """Return in words the errors of sensors of one kind."""
    domain, relative, offset_w, common = kind
    sizes = [f"±{digits(100 * relative)} %"] if relative else []
    sizes += [f"±{digits(offset_w)} W"] if offset_w else []
    several = len(channels) > 1
    whose = f"each of {len(channels)} {NOUNS[domain]}s" if several else channels[0].label
    alike = f" (of which {digits(100 * common)} % may have one sign in all)" if several and common else ""
    return f"{' and '.join(sizes)} of {whose}{alike}"


def _digits(half_width: float) -> str:
    """Return two digits; 0 for a rounding error."""
    return digits(half_width) if half_width > ROUNDING else "0"


def _windows(windows: Windows) -> str:
    length = seconds_text(windows.duration_s)
    return f"a window of {length}" if windows.count == 1 else f"{windows.count} windows of {length}"


def _list(steps: set[float], unit: str) -> str:
    return " and ".join(f"{step * 1e3:.3g} m{unit}" for step in sorted(steps))
