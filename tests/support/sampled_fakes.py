"""Tiny meters for the sampler's process, which finds them by `module:Class`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import ClassVar

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions

STEADY_W = 100.0


class SteadyMeter:
    """A counter that rises by 100 J each second, with a power reading beside it."""

    name: ClassVar[str] = "steady"
    measures: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    period_s: ClassVar[float] = 0.01

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        return [
            Channel(meter=self.name, domain="system", device=self.name, label=self.name, method="counter")
        ]

    def read(self, offset_ns: int) -> list[Sample]:
        now = time.monotonic_ns()
        return [Sample(0, now + offset_ns, energy_j=now * STEADY_W / 1e9, power_w=STEADY_W)]

    def close(self) -> None:
        pass


class SecondMeter(SteadyMeter):
    name = "second"
    period_s = 0.02


OPENINGS = "LLEM_TEST_OPENINGS"


class OpeningsMeter(SteadyMeter):
    """Writes a line into the file that `OPENINGS` names, in whatever process it is opened."""

    name = "openings"

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        with open(os.environ[OPENINGS], "a") as file:
            file.write("opened\n")
        return super().open(options)


READINGS = "LLEM_TEST_READINGS"


class CountedMeter(SteadyMeter):
    """Writes a byte for each reading into the file that `READINGS` names."""

    def read(self, offset_ns: int) -> list[Sample]:
        with open(os.environ[READINGS], "a") as file:
            file.write(".")
        return super().read(offset_ns)


class ChattyMeter(SteadyMeter):
    """A library that prints while it opens."""

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        print('{"channels": []}')  # noqa: T201 - what a library must not do, and does
        return super().open(options)


class ShutMeter(SteadyMeter):
    def open(self, options: MeterOptions) -> Sequence[Channel]:
        raise MeterError("shut is locked; open it with `sudo open shut`")


class RaisingMeter(SteadyMeter):
    name = "raising"

    def read(self, offset_ns: int) -> list[Sample]:
        raise RuntimeError("lost its way")


class SlowMeter(SteadyMeter):
    """Each reading takes three times its period."""

    def read(self, offset_ns: int) -> list[Sample]:
        time.sleep(3 * self.period_s)
        return super().read(offset_ns)


class DyingMeter(SteadyMeter):
    """Ends its process from inside, as a crashing driver does."""

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        os._exit(3)


class SlowDevicesMeter:
    """Four steady counters, each of which takes most of the period to read; `parts` reads them one by one."""

    name: ClassVar[str] = "devices"
    period_s: ClassVar[float] = 0.02
    reading_s: ClassVar[float] = 0.015

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        return [
            Channel(meter=self.name, domain="gpu", device=f"d{at}", label=f"D{at}", method="counter")
            for at in range(4)
        ]

    def read(self, offset_ns: int) -> list[Sample]:
        return [self._sample(at, offset_ns) for at in range(4)]

    def parts(self) -> Sequence[SlowDevicesMeter]:
        return [_OneSlowDevice() for _ in range(4)]

    def close(self) -> None:
        pass

    def _sample(self, at: int, offset_ns: int) -> Sample:
        time.sleep(self.reading_s)
        now = time.monotonic_ns()
        return Sample(at, now + offset_ns, energy_j=now * STEADY_W / 1e9, power_w=STEADY_W)


class _OneSlowDevice(SlowDevicesMeter):
    def read(self, offset_ns: int) -> list[Sample]:
        return [self._sample(0, offset_ns)]


class FaultyPartsMeter(SlowDevicesMeter):
    """Offers fewer parts than it has channels."""

    name = "faulty"

    def parts(self) -> Sequence[SlowDevicesMeter]:
        return [_OneSlowDevice()]
