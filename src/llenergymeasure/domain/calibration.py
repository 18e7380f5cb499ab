"""Sensor profiles: properties of one sensor of one device, from a calibration."""

from __future__ import annotations

import math

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Channel, ChannelKey

UPPER_BOUND_S = 0.3
"""Power takes up to 0.2 s to rise when a load begins (an external meter on an RTX 3090 and an RTX 4090, data of Yang,
Adamek, Armour, arXiv 2312.02741). That looks like averaging, and hardly matters beside windows longer than this."""

EFFICIENCY_ERROR = 0.01
"""Absolute 95 % half-width of a power supply's efficiency as its datasheet states it, between two of its loads."""


class LoadStep(Record):
    """A stretch of the known load, `[start_unix_ns, end_unix_ns)`: full load, or none.

    Many short ones show how a sensor follows, a few `steady` ones what it reads when it has settled.
    """

    start_unix_ns: int
    end_unix_ns: int
    loaded: bool
    steady: bool
    power_w: float | None = None
    """Mean of its settled part, summed over the sensors that were calibrated together; of steady steps only."""

    @property
    def duration_s(self) -> float:
        return (self.end_unix_ns - self.start_unix_ns) / 1e9


class WallGain(Record):
    """How many watts really flowed for each watt that the sensors showed, by a meter at the wall."""

    gain: Estimate
    """True over reported; times `psu_efficiency` where that was given, else with the losses of the power supply."""
    psu_efficiency: float | None = Field(default=None, gt=0, le=1)
    meter_error: float = Field(ge=0)
    """Relative 95 % half-width of the wall meter itself, as its user stated it; contained in the interval."""
    clock_offset_s: float
    """How far the wall meter's clock was ahead of this machine's."""
    sensors: tuple[str, ...]
    """Labels of the sensors whose sum was compared."""
    deviation_w: float | None = Field(default=None, ge=0)
    """Standard deviation of the summed sensors from a straight line of the true power, over `deviation_over_s`, without
    the scatter of the wall meter; None where it is not above that."""
    deviation_over_s: float | None = Field(default=None, gt=0)
    """None in profiles of earlier versions."""

    @property
    def corrects(self) -> bool:
        """Whether energies are multiplied by it; not while the losses of the power supply are in it."""
        return self.psu_efficiency is not None

    @property
    def reference_error(self) -> float:
        """Relative half-width of what all sensors that were compared with this wall meter are off by."""
        return reference_error(self.meter_error, self.psu_efficiency)


def reference_error(meter_error: float, psu_efficiency: float | None) -> float:
    """Return the relative half-width of power behind a supply, by a wall meter and the efficiency that is stated."""
    lost = psu_efficiency is not None and psu_efficiency < 1.0
    return math.hypot(meter_error, EFFICIENCY_ERROR / psu_efficiency if lost and psu_efficiency else 0.0)


class SensorHardware(Record):
    """What a sensor is part of: a card and its driver, or a processor; None where that is not known."""

    product: str
    """The maker's name of it."""
    driver_version: str | None = None
    compute_capability: str | None = None


class SensorProfile(ChannelKey):
    """A sensor as a few minutes of known load showed it; `unknown` says why figures could not be found."""

    machine: str | None = None
    """Key of the machine; None for a device whose own identity is unique, as a GPU's UUID is."""
    hardware: SensorHardware | None = None
    """None where it is not known, as in profiles of earlier versions."""
    included_in_total: bool = True
    """False for a sensor that is contained in another one, and so not in the sum that a wall meter is compared with."""
    made_unix_ns: int
    tool_version: str
    idle_power_w: float
    loaded_power_w: float
    counter_period_s: float | None = None
    power_period_s: float | None = None
    averaging_window_s: float | None = None
    """Over how long each power reading averages, as a box; an upper bound below `UPPER_BOUND_S`."""
    stated_averaging_s: float | None = None
    """What the meter stated then: by it a later run knows whether the driver still offers the same reading."""
    averaging_half_width_s: float | None = None
    """Half-width of its 95 % interval; None where it is not known, as in profiles of earlier versions."""
    response_delay_s: float | None = None
    """How late that box follows the load: work that is launched, power that rises, and a delay of the sensor itself."""
    publishing_stall_s: float | None = None
    """The longest that a reading stays while there is no load: about the power period, or longer in a stall."""
    stall_begins_s: float | None = None
    """How long after a load readings begin to stay so long; None where they do not, or that is not known."""
    power_noise_w: float | None = None
    """Standard deviation of single power readings under the steady load."""
    counter_over_power: Estimate | None = None
    """Energy by the counter over energy by integrated power, under the steady load."""
    wall: WallGain | None = None
    unknown: dict[str, str] = Field(default_factory=dict)
    load: str
    """What the known load was."""
    steps: tuple[LoadStep, ...]

    def is_of(self, channel: Channel, machine: str) -> bool:
        """Whether it describes that sensor of that machine."""
        return self.key == channel.key and self.machine in (None, machine)

    def replaces(self, other: SensorProfile) -> bool:
        """Whether both describe one sensor."""
        return (self.key, self.machine) == (other.key, other.machine)


class CalibrationReport(Record):
    """The outcome of a calibration: a profile of each sensor, where they are stored, and what could not be found."""

    profiles: tuple[SensorProfile, ...]
    refused: dict[str, str]
    """By label, why a sensor has no profile."""
    wall_problem: str | None = None
    """Why the wall meter's log gave no gain; None where it did, or there was none."""
    stored_in: str
