"""What a meter can do on this machine: opened, read once or twice, and closed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from llenergymeasure.core.record import Record
from llenergymeasure.domain.sample import Sample, error_text, without_impossible_values
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.exceptions import MeterError, MeterUnavailable
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.opening import open_meter

PROBE_S = 0.15
"""Longer than the slowest counter's tick, 100 ms."""
SHORT = 0.1
"""Share of `PROBE_S` up to which a counter's tick leaves its power readable."""


class MeterStatus(Record):
    """What a meter can do on this machine.

    `available` with the `channels` and one of the `readings` for each ("61.3 W"; none where they were not asked for),
    or `reason` (why not) and `remedy` (the exact command that fixes it, None where nothing does).
    """

    available: bool
    channels: tuple[Channel, ...] = ()
    readings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    reason: str | None = None
    remedy: str | None = None


def probe_meter(meter: Meter, options: MeterOptions, *, with_readings: bool) -> MeterStatus:
    """Open a meter and close it again; `with_readings` takes `PROBE_S` where a power has to be found from a counter."""
    with ExitStack() as stack:
        try:
            opened = open_meter(meter, options, stack)
        except MeterUnavailable as error:
            return MeterStatus(available=False, reason=error.reason, remedy=error.remedy)
        except MeterError as error:
            return MeterStatus(available=False, reason=str(error))
        channels = opened.channels
        readings = _readings_now(lambda: opened.meter.read(0), channels) if with_readings else ()
        return MeterStatus(available=True, channels=channels, readings=readings, left_out=opened.left_out)


def _readings_now(read: Callable[[], list[Sample]], channels: Sequence[Channel]) -> tuple[str, ...]:
    """Return a text for each channel, like "61.3 W"; read twice, unless the first reading gives every power."""
    before = {sample.channel: without_impossible_values(sample) for sample in read()}
    if all(_shows_power(channel, before.get(index)) for index, channel in enumerate(channels)):
        return tuple(f"{before[index].power_w:.1f} W" for index in range(len(channels)))
    time.sleep(PROBE_S)
    after = {sample.channel: without_impossible_values(sample) for sample in read()}
    return tuple(
        _text(channel, before.get(index), after.get(index)) for index, channel in enumerate(channels)
    )


def _shows_power(channel: Channel, sample: Sample | None) -> bool:
    """Whether one reading is enough; an estimate is of the time since the reading before."""
    return sample is not None and channel.method != "estimated" and not math.isnan(sample.power_w)


def _text(channel: Channel, first: Sample | None, last: Sample | None) -> str:
    if first is None or last is None:
        return "no reading"
    if first.error or last.error:
        return f"not readable: {error_text(last.error or first.error)}"
    if not math.isnan(last.power_w):
        return f"{last.power_w:.1f} W"
    rise_j, span_s = last.energy_j - first.energy_j, (last.t_unix_ns - first.t_unix_ns) / 1e9
    if rise_j < 0:  # wrapped
        return f"{last.energy_j:.0f} J counted"
    if rise_j == 0:
        return f"no change in {span_s:.2f} s"
    ticks_finely = channel.update_period_s is not None and channel.update_period_s <= SHORT * PROBE_S
    return f"{rise_j / span_s:.1f} W" if ticks_finely else f"{rise_j:.0f} J in {span_s:.2f} s"
