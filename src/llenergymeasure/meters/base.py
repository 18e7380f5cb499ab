"""The seam between an energy source and the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel


class MeterOptions(BaseModel):
    """What a meter needs to open the right sensors in the sampler's process; crosses it as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu_uuids: tuple[str, ...] | None = None
    """GPUs to read; None: all that CUDA_VISIBLE_DEVICES lets through."""
    energy: EnergyConfig = EnergyConfig()


@dataclass(frozen=True, kw_only=True)
class MeterStatus:
    """What a meter can do on this machine, for `doctor`, `auto` and pre-flight.

    `available` with the `channels` and one `reading` each ("61.3 W"), or `reason` (why not) and `remedy` (the exact
    command that mends it, None where nothing does).
    """

    available: bool
    channels: tuple[Channel, ...] = ()
    readings: tuple[str, ...] = ()
    reason: str | None = None
    remedy: str | None = None


class Meter(Protocol):
    """An energy source; constructed without arguments, heavy imports inside methods."""

    name: ClassVar[str]

    @property
    def period_s(self) -> float:
        """How often the sampler calls `read`; a class variable, unless `open` finds that another one is better."""
        ...

    def probe(self, options: MeterOptions) -> MeterStatus:
        """Look at the machine; never raises, leaves nothing open."""
        ...

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        """Open the sensors and return their channels; called in the sampler's process.

        Raises:
            MeterError: what is missing, and what to do.
        """
        ...

    def read(self, offset_ns: int) -> list[Sample]:
        """Return one reading per channel that has something to say now.

        `Sample.channel` indexes what `open` returned; times are `time.monotonic_ns() + offset_ns`, taken at the
        middle of each sensor's read. Never raises for a sensor that fails: that is a `Sample` with `error`.
        """
        ...

    def close(self) -> None:
        """Release the sensors; never raises."""
        ...
