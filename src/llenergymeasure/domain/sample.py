"""One reading of one channel, as the sampler process writes it: a fixed-size binary record."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

FIELDS: tuple[tuple[str, str], ...] = (
    ("channel", "<u2"),
    ("t_unix_ns", "<i8"),
    ("energy_j", "<f8"),
    ("power_w", "<f8"),
    ("temperature_c", "<f4"),
    ("sm_clock_mhz", "<f4"),
    ("memory_clock_mhz", "<f4"),
    ("utilisation_pct", "<f4"),
    ("throttle_reasons", "<i8"),
    ("error", "<i4"),
)
"""Name and numpy type of each field; numpy itself is not imported here, the sampler has no need of it."""

RECORD = struct.Struct("<Hqddffffqi")

NAN = math.nan
UNKNOWN_REASONS = -1
READ_FAILED = -1
"""`Sample.error` where the meter itself raised: the sensor gave no code."""

SOURCE_STILL = -2
"""`Sample.error` where the source answers and does not advance, so that its 0 means nothing."""


def error_text(error: int) -> str:
    """Return in words why a reading failed."""
    if error == READ_FAILED:
        return "its meter failed"
    if error == SOURCE_STILL:
        return (
            "its source does not advance as time does (/proc/stat stands still in sandboxes such as gVisor)"
        )
    return f"the sensor answered with error {error}"


class Sample(NamedTuple):
    """A reading: `channel` is an index into the trace's channels, NaN (-1 for reasons) means not read.

    `energy_j` is cumulative since an arbitrary zero, `power_w` what the sensor says now. `error` is 0, or
    the code with which the sensor refused.
    """

    channel: int
    t_unix_ns: int
    energy_j: float = NAN
    power_w: float = NAN
    temperature_c: float = NAN
    sm_clock_mhz: float = NAN
    memory_clock_mhz: float = NAN
    utilisation_pct: float = NAN
    throttle_reasons: int = UNKNOWN_REASONS
    error: int = 0

    def pack(self) -> bytes:
        return RECORD.pack(*self)
