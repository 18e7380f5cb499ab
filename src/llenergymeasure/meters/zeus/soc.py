"""Systems on a chip that Zeus reads: Apple silicon and NVIDIA Jetson."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from llenergymeasure.domain.sample import READ_FAILED, Sample
from llenergymeasure.domain.trace import Channel, Domain
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.zeus.source import Absent, Source

logger = logging.getLogger(__name__)

EVERY = 5
"""Every fifth reading: Zeus itself samples a Jetson's rails ten times a second."""
RELATIVE_ERROR = 0.10
"""Assumed, for both kinds."""


class Rail(NamedTuple):
    """A field of Zeus' measurement, in mJ, and what it stands for."""

    field: str
    domain: Domain
    device: str
    label: str
    note: str


JETSON = "integrated by Zeus from ten power readings a second"
APPLE = "from the energy model in the chip (IOReport)"
RAILS = (
    Rail("total_energy_mj", "system", "soc", "Jetson module", JETSON),
    Rail("cpu_energy_mj", "cpu", "soc/cpu", "CPU of the Jetson", JETSON),
    Rail("gpu_energy_mj", "gpu", "soc/gpu", "GPU of the Jetson", JETSON),
    Rail("cpu_total_mj", "cpu", "soc/cpu", "CPU of the Apple chip", APPLE),
    Rail("gpu_mj", "gpu", "soc/gpu", "GPU of the Apple chip", APPLE),
    Rail("gpu_sram_mj", "gpu", "soc/gpu-sram", "GPU SRAM of the Apple chip", APPLE),
    Rail("dram_mj", "dram", "soc/dram", "Memory of the Apple chip", APPLE),
)
"""What Zeus reports, without single cores, which the CPU's total holds, and the Neural Engine, which has no domain."""


def open_soc(options: MeterOptions, stack: ExitStack) -> list[Source] | Absent:
    """Open the chip, if this is one and Zeus can read it."""
    from zeus.device.soc.common import ZeusSoCInitError

    try:
        chip = _find_chip()
    except ZeusSoCInitError as error:
        return Absent(reason=f"Zeus cannot open the system on a chip: {error}")
    if chip is None:
        return Absent(reason="no Apple or Jetson chip")
    stack.callback(_end, chip)
    measured = chip.get_total_energy_consumption()
    rails = [rail for rail in RAILS if getattr(measured, rail.field, None) is not None]
    channels = tuple(_channel(rail, rails) for rail in rails)
    return [Source(channels=channels, read=lambda offset_ns: _read(chip, rails, offset_ns), every=EVERY)]


def _find_chip() -> Any:
    from zeus.device.soc.apple import AppleSilicon, apple_silicon_is_available
    from zeus.device.soc.jetson import Jetson, jetson_is_available

    if apple_silicon_is_available():
        return AppleSilicon()
    return Jetson() if jetson_is_available() else None


def _channel(rail: Rail, rails: Sequence[Rail]) -> Channel:
    contained = rail.domain != "system" and any(other.domain == "system" for other in rails)
    return Channel(
        meter="zeus",
        domain=rail.domain,
        device=rail.device,
        label=rail.label,
        method="counter",  # it accumulates, whatever it is made from
        included_in_total=not contained,
        relative_error=RELATIVE_ERROR,
        note=f"contained in the module's total; {rail.note}" if contained else rail.note,
    )


def _read(chip: Any, rails: Sequence[Rail], offset_ns: int) -> list[Sample]:
    before_ns = time.monotonic_ns()
    try:
        measured = chip.get_total_energy_consumption()
    except Exception as error:  # noqa: BLE001 - a queue that stays empty, an error of Apple's library: any is no reading
        logger.debug("Zeus did not read the chip: %r", error)
        now_ns = time.monotonic_ns() + offset_ns
        return [Sample(index, now_ns, error=READ_FAILED) for index in range(len(rails))]
    middle_ns = (before_ns + time.monotonic_ns()) // 2 + offset_ns
    return [
        Sample(index, middle_ns, energy_j=getattr(measured, rail.field) / 1e3)
        for index, rail in enumerate(rails)
    ]


def _end(chip: Any) -> None:
    """Zeus reads a Jetson in a process of its own, which it ends at exit only."""
    stop = getattr(chip, "_stop_process", None)
    if stop is not None:
        stop()
