"""The power readings of NVML, and the averaging window of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llenergymeasure.core.nvidia.binding import FOREIGN, NVMLError

Reader = Callable[[], float]

FIELD_POWER_INSTANT = 186
"""nvml.h: NVML_FI_DEV_POWER_INSTANT; scope 0 is the GPU, also where a module holds a CPU too (GH200)."""
NO_DATA = 21
"""nvml.h: NVML_ERROR_NO_DATA."""
GA100 = (8, 0)
"""Compute capability of A100 and A30."""
MEAN_S = 1.0
"""nvml.h on nvmlDeviceGetPowerUsage: averaged over a second on Ampere (except GA100) and newer."""
SHORT_S = {(6, 0): 0.01, (7, 0): 0.01, GA100: 0.025, (9, 0): 0.025}
"""By compute capability, what a reading that is no such mean averages over: P100 and V100, A100, H100 (Yang, Adamek,
Armour, arXiv 2312.02741)."""


@dataclass(frozen=True, kw_only=True)
class PowerReading:
    """One way to read watts; `averaging_window_s` is None where it is not known."""

    read: Reader
    averaging_window_s: float | None


def power_readings(pynvml: Any, handle: Any, *, alone: bool) -> tuple[PowerReading, ...]:
    """Return the ways to read the power of a card, the best first.

    The field's reading is of the last tens of milliseconds, and so is that of nvmlDeviceGetPowerUsage up to A100. On
    newer cards that is a mean over a second. Beside a counter the short reading is the better: it shows when power
    changes. Where energy rests on power `alone` the mean is: it leaves no time unseen, and can be undone.
    """
    capability = _capability(pynvml, handle)
    short_s = SHORT_S.get(capability) if capability else None
    is_mean = capability is not None and capability > GA100

    def instant() -> float:
        field = pynvml.nvmlDeviceGetFieldValues(handle, [FIELD_POWER_INSTANT])[0]
        if field.nvmlReturn != 0:
            raise NVMLError(field.nvmlReturn)
        return not_blank(field.value.uiVal) / 1e3

    def usage() -> float:
        return not_blank(pynvml.nvmlDeviceGetPowerUsage(handle)) / 1e3

    short = PowerReading(read=instant, averaging_window_s=short_s)
    usual = PowerReading(read=usage, averaging_window_s=MEAN_S if is_mean else short_s)
    return (usual, short) if alone and is_mean else (short, usual)


def not_blank(value: int) -> int:
    """Return the value; 0 is what a sensor without a reading shows, since no card draws nothing."""
    if value == 0:
        raise NVMLError(NO_DATA)
    return value


def _capability(pynvml: Any, handle: Any) -> tuple[int, int] | None:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        return int(major), int(minor)
    except (NVMLError, *FOREIGN):
        return None
