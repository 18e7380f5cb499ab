"""The stored idle baseline of a machine, and its use by a later run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.trace import Channel, ChannelKey

Origin = Literal["measured", "cached"]


class ChannelIdlePower(ChannelKey):
    """The idle power of one sensor."""

    power_w: float
    deviation_w: float = Field(ge=0)
    """Standard deviation of the power over slices of a second."""


class StoredBaseline(Record):
    """Idle power of the bare machine, measured by an earlier run; `power_w` is of all included channels."""

    measured_unix_ns: int
    duration_s: float = Field(gt=0)
    power_w: float
    half_width_w: float = Field(ge=0)
    """Of the 95 % interval of `power_w`."""
    channels: tuple[ChannelIdlePower, ...] = Field(min_length=1)

    def of(self, channel: Channel) -> ChannelIdlePower | None:
        """Return the idle power of one sensor; None where it is unknown."""
        return next((each for each in self.channels if each.key == channel.key), None)


class BaselineReuse(Record):
    """Where the bare idle power of a run came from, in a run that allowed a stored one."""

    origin: Origin
    reason: str | None = None
    """Why it was measured again."""
    age_s: float | None = None
    """Of the stored one, when it was taken over."""
    stored: StoredBaseline | None = None
    """The one that was taken over; None where it was measured."""
