"""The seam between an energy source and the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.core.record import Record
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel


class MeterOptions(Record):
    """What a meter needs to open the right sensors in the sampler's process; sent to it as JSON."""

    gpu_uuids: tuple[str, ...] | None = None
    """GPUs to read; None: all that CUDA_VISIBLE_DEVICES lets through."""
    energy: EnergyConfig = EnergyConfig()


class Meter(Protocol):
    """An energy source; constructed without arguments, heavy imports inside methods."""

    name: ClassVar[str]

    @property
    def period_s(self) -> float:
        """How often the sampler calls `read`; a class variable, unless `open` finds that another one is better."""
        ...

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        """Open the sensors and return their channels; called in the sampler's process, and by `llem doctor`.

        A sensor that is there and cannot be read does not end it: name it in an attribute `left_out`, a sequence of
        `domain.trace.LeftOut`, and the result says so.

        Raises:
            MeterUnavailable: what is missing, and the command that fixes it.
        """
        ...

    def read(self, offset_ns: int) -> list[Sample]:
        """Return one reading for each channel that is due now.

        `Sample.channel` indexes what `open` returned; times are `time.monotonic_ns() + offset_ns`, taken at the
        middle of each sensor's read. Never raises for a sensor that fails: that is a `Sample` with `error`.
        """
        ...

    def close(self) -> None:
        """Release the sensors, also after an `open` that failed; never raises."""
        ...
