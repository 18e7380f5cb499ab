"""What several meters read of the same device counts once."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.trace import Channel

WHOLE = "host"
"""The `device` of a channel that stands for all of its domain in this machine."""


def count_once(channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels, in order, those not counted that another meter's counted channel already covers.

    A measurement goes before an estimate, else the meter that was named first. What a meter's own channels contain of
    each other is that meter's to say.
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


def _overlap(first: Channel, second: Channel) -> bool:
    if first.meter == second.meter:
        return False
    if first.domain != second.domain:
        return "system" in (first.domain, second.domain)
    return first.device == second.device or WHOLE in (first.device, second.device)


def _uncounted(channel: Channel, other: Channel) -> Channel:
    said = f"counted as {other.label} of meter '{other.meter}'"
    return channel.model_copy(
        update={"included_in_total": False, "note": f"{said}; {channel.note}" if channel.note else said}
    )
