"""What a meter's channels read at this moment, in words for `llem doctor`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel

PROBE_S = 0.15
"""Longer than the slowest counter's tick."""
SHORT = 0.1
"""Share of `PROBE_S` up to which a counter's tick leaves its power readable."""


def readings_now(read: Callable[[], list[Sample]], channels: Sequence[Channel]) -> tuple[str, ...]:
    """Read twice, `PROBE_S` apart, and return a text for each channel, like "61.3 W"."""
    before = {sample.channel: sample for sample in read()}
    time.sleep(PROBE_S)
    after = {sample.channel: sample for sample in read()}
    return tuple(
        _text(channel, before.get(index), after.get(index)) for index, channel in enumerate(channels)
    )


def _text(channel: Channel, first: Sample | None, last: Sample | None) -> str:
    if first is None or last is None:
        return "no reading"
    if first.error or last.error:
        return f"error {first.error or last.error}"
    if not math.isnan(last.power_w):
        return f"{last.power_w:.1f} W"
    rise_j, span_s = last.energy_j - first.energy_j, (last.t_unix_ns - first.t_unix_ns) / 1e9
    if rise_j < 0:  # wrapped
        return f"{last.energy_j:.0f} J counted"
    ticks_finely = channel.update_period_s is not None and channel.update_period_s <= SHORT * PROBE_S
    return f"{rise_j / span_s:.1f} W" if ticks_finely else f"{rise_j:.0f} J in {span_s:.2f} s"
