"""The meter of whatever Zeus knows how to read: NVIDIA and AMD GPUs, RAPL, Apple silicon, Jetson."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

from llenergymeasure import plugins
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.zeus.devices import open_sources
from llenergymeasure.meters.zeus.source import Source


class ZeusMeter:
    """The devices of Zeus (https://ml.energy/zeus), one channel each, read one by one rather than in windows.

    A `ZeusMonitor` window is the difference of two raw readings, each up to one tick of the counter late. Readings all
    through the run allow interpolation between the ticks, as with the other meters. NVIDIA cards are handed to
    Zeus by their number in NVML, since Zeus itself takes no UUID in CUDA_VISIBLE_DEVICES.
    """

    name: ClassVar[str] = "zeus"
    period_s: ClassVar[float] = 0.02

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._sources: tuple[Source, ...] = ()
        self._turn = 0
        self.left_out: tuple[LeftOut, ...] = ()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        with ExitStack() as stack:
            self._sources = _open_installed(options, stack)
            self._stack = stack.pop_all()
        self.left_out = tuple(each for source in self._sources for each in source.left_out)
        return [channel for source in self._sources for channel in source.channels]

    def read(self, offset_ns: int) -> list[Sample]:
        samples: list[Sample] = []
        first = 0
        for source in self._sources:
            if self._turn % source.every == 0:
                samples += [
                    sample._replace(channel=first + sample.channel) for sample in source.read(offset_ns)
                ]
            first += len(source.channels)
        self._turn += 1
        return samples

    def close(self) -> None:
        self._sources = ()
        self._stack.close()


def _open_installed(options: MeterOptions, stack: ExitStack) -> tuple[Source, ...]:
    try:
        return open_sources(options, stack)
    except ImportError as error:
        install = plugins.declaration("meters", "zeus").install
        raise MeterUnavailable(f"Zeus cannot be imported: {error}", install) from None
