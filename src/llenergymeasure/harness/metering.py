"""The power meters of a run, while they are being read."""

from __future__ import annotations

from typing import Protocol

from llenergymeasure.domain.trace import Channel, EnergyTrace


class Metering(Protocol):
    """Meters that are sampled from the start of a run to its end."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The sensors that are read; none where no meter was asked for."""
        ...

    @property
    def is_estimated(self) -> bool:
        """Whether the power of one of the included channels comes from a model, not a sensor."""
        ...

    def recent_power_w(self) -> float | None:
        """Mean power of the included channels over the last second; None where one of them is unknown."""
        ...

    def recent_temperature_c(self) -> float | None:
        """Temperature of the hottest device at this moment; None where one of the GPUs reports none."""
        ...

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        """Samples taken from `since_ns` on, until now; all of them by default.

        The energy of an interval depends on the readings around its edges: ask from a few seconds before it.
        """
        ...


class Unmetered:
    """Metering where no meter was asked for."""

    channels: tuple[Channel, ...] = ()
    is_estimated = False

    def recent_power_w(self) -> float | None:
        return None

    def recent_temperature_c(self) -> float | None:
        return None

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        return EnergyTrace(channels=(), by_channel=())
