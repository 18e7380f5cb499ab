"""The meter of processors and memory: RAPL energy counters under Linux's powercap."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions, MeterStatus
from llenergymeasure.meters.rapl_zones import RaplUnavailableError, Zone, find_zones, to_channel

PROBE_S = 0.05
_LONGEST_NUMBER = 32


class RaplMeter:
    """One counter channel per package and per package's DRAM; `psys` and mirrored counters are recorded, not counted.

    Packages contain `core` and `uncore`, which are therefore left out. LLEM_POWERCAP_DIR names another tree than
    /sys/class/powercap.
    """

    name: ClassVar[str] = "rapl"
    measures: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = "pip install llenergymeasure"
    period_s: ClassVar[float] = 0.05
    """The counters move every millisecond; reading them that often would itself cost a good part of a core."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._counters: tuple[int, ...] = ()

    def probe(self, options: MeterOptions) -> MeterStatus:
        try:
            zones = find_zones(_root())
            readings = _power_now(zones)
        except RaplUnavailableError as error:
            return MeterStatus(available=False, reason=error.reason, remedy=error.remedy)
        except (OSError, ValueError) as error:
            return MeterStatus(available=False, reason=f"the energy counters cannot be read: {error}")
        return MeterStatus(
            available=True, channels=tuple(to_channel(zone) for zone in zones), readings=readings
        )

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        try:
            with ExitStack() as stack:
                zones = find_zones(_root())
                self._counters = tuple(_open_counter(zone, stack) for zone in zones)
                self._stack = stack.pop_all()
        except RaplUnavailableError as error:
            remedy = f". Try: {error.remedy}" if error.remedy else ""
            raise MeterError(f"meter 'rapl' cannot be read: {error.reason}{remedy}") from None
        except OSError as error:
            raise MeterError(f"meter 'rapl' cannot be read: {error}") from None
        return [to_channel(zone) for zone in zones]

    def read(self, offset_ns: int) -> list[Sample]:
        return [_read(index, counter, offset_ns) for index, counter in enumerate(self._counters)]

    def close(self) -> None:
        self._counters = ()
        self._stack.close()


def _root() -> Path:
    return Path(os.environ.get("LLEM_POWERCAP_DIR") or "/sys/class/powercap")


def _open_counter(zone: Zone, stack: ExitStack) -> int:
    """Return a file descriptor that stays open: the kernel makes a fresh reading for every read from its start."""
    counter = os.open(zone.counter, os.O_RDONLY)
    stack.callback(os.close, counter)
    return counter


def _read(index: int, counter: int, offset_ns: int) -> Sample:
    before_ns = time.monotonic_ns()
    try:
        energy_j = _read_j(counter)
    except OSError as error:
        return Sample(index, time.monotonic_ns() + offset_ns, error=error.errno or 1)
    except ValueError:
        return Sample(index, time.monotonic_ns() + offset_ns, error=errno.EIO)
    return Sample(index, (before_ns + time.monotonic_ns()) // 2 + offset_ns, energy_j=energy_j)


def _read_j(counter: int) -> float:
    return int(os.pread(counter, _LONGEST_NUMBER, 0)) / 1e6


def _power_now(zones: Sequence[Zone]) -> tuple[str, ...]:
    """Return the mean power of each zone over `PROBE_S`, for people."""
    before, start_s = [zone.read_j() for zone in zones], time.monotonic()
    time.sleep(PROBE_S)
    after, elapsed_s = [zone.read_j() for zone in zones], time.monotonic() - start_s
    return tuple(
        f"{(last - first) % (zone.range_j or float('inf')) / elapsed_s:.1f} W"
        for zone, first, last in zip(zones, before, after, strict=True)
    )
