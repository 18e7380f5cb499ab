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
GA102 = (8, 6)
MEAN_S = 1.0
"""nvml.h on nvmlDeviceGetPowerUsage: averaged over a second on Ampere (except GA100) and newer."""
MEANS_S = {GA102: 1.08}
"""By compute capability, the box that this mean is closest to, where it was compared with an external meter: RTX 3090
and A5000, whose last eight or nine readings weigh 1/11 each, the oldest up to a quarter (data of arXiv 2312.02741)."""
WHOLE_PERIOD_S = 0.1
"""All of the usual period: such a reading leaves no time unseen."""
SHORT_S = {
    (6, 0): 0.01,
    (7, 0): 0.01,
    (7, 5): WHOLE_PERIOD_S,
    GA100: 0.025,
    GA102: WHOLE_PERIOD_S,
    (8, 9): WHOLE_PERIOD_S,
    (9, 0): 0.025,
}
"""By compute capability, what a reading that is no such mean averages over: P100 and V100, Turing, A100, RTX 3090 and
A5000, RTX 4090, H100 (Yang, Adamek, Armour, arXiv 2312.02741, and its data)."""


@dataclass(frozen=True, kw_only=True)
class PowerReading:
    """One way to read watts; `averaging_window_s` is None where it is not known."""

    read: Reader
    averaging_window_s: float | None


def averaging_times_s(
    capability: tuple[int, int] | None, *, has_instant: bool
) -> tuple[float | None, float | None]:
    """Return what the field's reading averages over, and what that of nvmlDeviceGetPowerUsage does; None: not known.

    A driver that does not have the field may show the short average by the usual name: a 4090's is a mean over 100 ms.
    Where no such card was looked at, NVML's word stands; the readings are asked whether it can be true
    (`metrics.signals.averaging_time`).
    """
    if capability is None:
        return None, None
    short_s = SHORT_S.get(capability)
    if capability <= GA100:
        return short_s, short_s
    shows_short = not has_instant and short_s == WHOLE_PERIOD_S
    return short_s, short_s if shows_short else mean_s(capability)


def mean_s(capability: tuple[int, int] | None) -> float:
    """Return what a mean over a second averages over."""
    return MEANS_S.get(capability, MEAN_S) if capability else MEAN_S


def power_readings(pynvml: Any, handle: Any, *, alone: bool) -> tuple[PowerReading, ...]:
    """Return the ways to read the power of a card, the best first.

    The field's reading is of the last tens of milliseconds, and so is that of nvmlDeviceGetPowerUsage up to A100. On
    newer cards that is a mean over a second. Beside a counter the short reading is the better: it shows when power
    changes. Where energy rests on power `alone`, and the short reading sees only a part of the time, the mean is: it
    leaves no time unseen, and can be undone.
    """

    def instant() -> float:
        field = pynvml.nvmlDeviceGetFieldValues(handle, [FIELD_POWER_INSTANT])[0]
        if field.nvmlReturn != 0:
            raise NVMLError(field.nvmlReturn)
        return not_blank(field.value.uiVal) / 1e3

    def usage() -> float:
        return not_blank(pynvml.nvmlDeviceGetPowerUsage(handle)) / 1e3

    short_s, usual_s = averaging_times_s(_capability(pynvml, handle), has_instant=_works(instant))
    short = PowerReading(read=instant, averaging_window_s=short_s)
    usual = PowerReading(read=usage, averaging_window_s=usual_s)
    if alone and usual_s != short_s and (short_s is None or short_s < WHOLE_PERIOD_S):
        return usual, short
    return short, usual


def _works(read: Reader) -> bool:
    try:
        read()
    except (NVMLError, *FOREIGN):
        return False
    return True


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
