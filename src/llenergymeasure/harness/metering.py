"""The power meters of a run, while they are being read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.calibration import SensorProfile
from llenergymeasure.domain.trace import Channel, EnergyTrace, LeftOut, MeterPace
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.meters.selection import choose_meters
from llenergymeasure.metrics.calibration.apply_profiles import apply_profiles
from llenergymeasure.results.profile_store import load_profiles, machine_key

SPOOL = "samples.bin"
"""The file of raw samples in the folder that `metering` is given; the sampler's log lies beside it."""


class Metering(Protocol):
    """Meters that are sampled from the start of a run to its end."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The sensors that are read; none where no meter was asked for."""
        ...

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The sensors that could not be read, or were not to be."""
        ...

    @property
    def paces(self) -> tuple[MeterPace, ...]:
        """How often each meter is to be read, and how long its readings take."""
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
    left_out: tuple[LeftOut, ...] = ()
    paces: tuple[MeterPace, ...] = ()
    is_estimated = False

    def recent_power_w(self) -> float | None:
        return None

    def recent_temperature_c(self) -> float | None:
        return None

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        return EnergyTrace(channels=(), by_channel=())


@contextmanager
def metering(
    energy: EnergyConfig,
    clock: AnchoredClock,
    folder: Path,
    profiles: Sequence[SensorProfile] | None = None,
) -> Iterator[Metering]:
    """Sample the meters of `energy` until the block ends; afterwards `trace` still gives all samples.

    Each meter is opened once, in the sampler's process, which writes to `folder`: what was sampled is still there when
    this process is killed. Channels are corrected by the calibration `profiles`, those stored for this machine by
    default.

    Raises:
        ConfigError: no meter of that name.
        MeterError: a meter that was named cannot be read; with the reason and the remedy.
    """
    choice = choose_meters(energy)
    if not choice.meters and not choice.fallbacks:
        yield Unmetered()
        return
    sampler = Sampler(
        choice.meters,
        MeterOptions(energy=energy),
        clock,
        folder / SPOOL,
        fallbacks=choice.fallbacks,
    )
    try:
        sampler.start()
        known = load_profiles() if profiles is None else profiles
        sampler.channels = apply_profiles(sampler.channels, known, machine_key())
        yield sampler
    finally:
        sampler.stop()
