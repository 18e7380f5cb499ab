"""A device that several meters read is included in the total once."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.trace import Channel, ChannelKey, LeftOut

WHOLE = "host"
"""The `device` of a channel that stands for all of its domain in this machine."""


def count_once(channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels, in order; those that another meter already covers are excluded from the total.

    A measurement goes before an estimate, else the meter that was named first. Whether channels of one meter contain
    each other is stated by that meter.
    """
    order = sorted(range(len(channels)), key=lambda index: channels[index].method == "estimated")
    counted: list[Channel] = []
    result = list(channels)
    for index in order:
        channel = channels[index]
        if not channel.included_in_total:
            continue
        other = next((each for each in counted if _overlap(each, channel)), None)
        if other is None:
            counted.append(channel)
        else:
            result[index] = _uncounted(channel, other)
    return result


def missed(left_out: Sequence[LeftOut], channels: Sequence[Channel]) -> list[LeftOut]:
    """Return what is left out; the total lacks nothing of what a channel of another meter covers."""
    counted = [each for each in channels if each.included_in_total]
    return [
        each.model_copy(update={"included_in_total": False})
        if any(_overlap(channel, each) for channel in counted)
        else each
        for each in left_out
    ]


def _overlap(first: ChannelKey, second: ChannelKey) -> bool:
    if first.meter == second.meter:
        return False
    if first.domain != second.domain:
        return "system" in (first.domain, second.domain)
    return first.device == second.device or WHOLE in (first.device, second.device)


def _uncounted(channel: Channel, other: Channel) -> Channel:
    reason = f"counted as {other.label} of meter '{other.meter}'"
    return channel.model_copy(
        update={"included_in_total": False, "note": f"{reason}; {channel.note}" if channel.note else reason}
    )
