"""The meter of CodeCarbon's hardware models: GPU and RAPL counters where it finds them, estimates elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.codecarbon.parts import Part, find_parts


class CodeCarbonMeter:
    """CodeCarbon's energy of GPUs, processor and memory, without its emissions, files, threads and network.

    A tracker of CodeCarbon always returns a number. Here each channel says how its own came about: only what CodeCarbon
    reads from a counter is `counter`; its power for the CPU's load and for memory is `estimated`.
    """

    name: ClassVar[str] = "codecarbon"
    period_s: ClassVar[float] = 0.1
    """CodeCarbon's own is 15 s: too long to price a window. Its estimates become those of each tenth of a second."""

    def __init__(self) -> None:
        self._parts: tuple[Part, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        self._parts, self.left_out = find_parts(options)
        return [part.channel for part in self._parts]

    def read(self, offset_ns: int) -> list[Sample]:
        return [part.read(index, offset_ns) for index, part in enumerate(self._parts)]

    def close(self) -> None:
        """Nothing to stop: the tracker that knows the hardware was never started."""
        self._parts = ()
