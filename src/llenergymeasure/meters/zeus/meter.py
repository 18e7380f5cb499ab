"""The meter of whatever Zeus knows how to read: NVIDIA and AMD GPUs, RAPL, Apple silicon, Jetson."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

from llenergymeasure import plugins
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions, MeterStatus
from llenergymeasure.meters.probing import readings_now
from llenergymeasure.meters.zeus.devices import open_sources
from llenergymeasure.meters.zeus.source import Source, UnseenError


class ZeusMeter:
    """The devices of Zeus (https://ml.energy/zeus), one channel each, read one by one rather than in windows.

    A `ZeusMonitor` window is the difference of two raw readings, each up to one tick of the counter late. Readings all
    through the run let any interval be priced between the ticks, as with the other meters. NVIDIA cards are handed to
    Zeus by their number in NVML, since Zeus itself takes no UUID in CUDA_VISIBLE_DEVICES.
    """

    name: ClassVar[str] = "zeus"
    period_s: ClassVar[float] = 0.02

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._sources: tuple[Source, ...] = ()
        self._turn = 0

    def probe(self, options: MeterOptions) -> MeterStatus:
        try:
            channels = tuple(self._open(options))
            readings = readings_now(lambda: self._read_all(0), channels)
            return MeterStatus(available=True, channels=channels, readings=readings)
        except UnseenError as error:
            return MeterStatus(available=False, reason=error.reason, remedy=error.remedy)
        finally:
            self.close()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        try:
            return self._open(options)
        except UnseenError as error:
            remedy = f". Try: {error.remedy}" if error.remedy else ""
            raise MeterError(f"meter 'zeus' cannot be read: {error.reason}{remedy}") from None

    def read(self, offset_ns: int) -> list[Sample]:
        self._turn += 1
        return self._read_all(offset_ns, self._turn)

    def close(self) -> None:
        self._sources = ()
        self._stack.close()

    def _open(self, options: MeterOptions) -> list[Channel]:
        with ExitStack() as stack:
            self._sources = _open_installed(options, stack)
            self._stack = stack.pop_all()
        return [channel for source in self._sources for channel in source.channels]

    def _read_all(self, offset_ns: int, turn: int = 0) -> list[Sample]:
        samples: list[Sample] = []
        first = 0
        for source in self._sources:
            if turn % source.every == 0:
                samples += [
                    sample._replace(channel=first + sample.channel) for sample in source.read(offset_ns)
                ]
            first += len(source.channels)
        return samples


def _open_installed(options: MeterOptions, stack: ExitStack) -> tuple[Source, ...]:
    try:
        return open_sources(options, stack)
    except ImportError as error:
        raise UnseenError(
            f"Zeus cannot be imported: {error}", plugins.declaration("meters", "zeus").install
        ) from None
