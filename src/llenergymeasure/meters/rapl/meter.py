"""The meter of processors and memory: RAPL energy counters under Linux's powercap."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.rapl.counters import open_counter, read_counter
from llenergymeasure.meters.rapl.zones import find_zones, powercap_root, to_channel


class RaplMeter:
    """One counter channel per package and per package's DRAM; `psys` and mirrored counters are recorded, not counted.

    Packages contain `core` and `uncore`, which are therefore left out. LLEM_POWERCAP_DIR names another tree than
    /sys/class/powercap.
    """

    name: ClassVar[str] = "rapl"
    period_s: ClassVar[float] = 0.05
    """The counters move every millisecond; reading them that often would itself cost a good part of a core."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._counters: tuple[int, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        try:
            with ExitStack() as stack:
                found = find_zones(powercap_root())
                zones = found.readable
                self.left_out = found.of_meter(self.name)
                self._counters = tuple(open_counter(zone, stack) for zone in zones)
                self._stack = stack.pop_all()
        except (OSError, ValueError) as error:
            raise MeterUnavailable(f"the energy counters cannot be read: {error}") from None
        return [to_channel(zone) for zone in zones]

    def read(self, offset_ns: int) -> list[Sample]:
        return [read_counter(index, counter, offset_ns) for index, counter in enumerate(self._counters)]

    def close(self) -> None:
        self._counters = ()
        self._stack.close()
