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
    ("sm_activity_pct", "<f4"),
    ("tensor_activity_pct", "<f4"),
    ("dram_activity_pct", "<f4"),
)
"""Name and numpy type of each field; numpy itself is not imported here, the sampler has no need of it."""

RECORD = struct.Struct("<Hqddffffqifff")

NAN = math.nan
UNKNOWN_REASONS = -1
READ_FAILED = -1
"""`Sample.error` where the meter itself raised: the sensor gave no code."""

SOURCE_STILL = -2
"""`Sample.error` where the source answers and does not advance, so that its 0 means nothing."""

READING_INVALID = -3
"""`Sample.error` where the sensor published a value that no device can have; the value is not kept."""

LEAST_W = -1.0
"""Noise of a sensor around 0 W; what is further below is no power."""
MOST_W, MOST_J = 1e9, 1e15
"""More than a power station delivers, and more than it delivers in a week: a double then resolves 0.1 J, the least that
counters count. A judgement."""


def error_text(error: int) -> str:
    """Return in words why a reading failed."""
    if error == READ_FAILED:
        return "its meter failed"
    if error == SOURCE_STILL:
        return (
            "its source does not advance as time does (/proc/stat stands still in sandboxes such as gVisor)"
        )
    if error == READING_INVALID:
        return "its sensor published a value that cannot be (below zero, infinite or far too large)"
    return f"the sensor answered with error {error}"


class Sample(NamedTuple):
    """A reading: `channel` is an index into the trace's channels, NaN (-1 for reasons) means not read.

    `energy_j` is cumulative since an arbitrary moment and never below 0, `power_w` what the sensor says now. `error` is
    0, or the code with which the sensor refused. The activities are means since the sample before that has them.
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
    sm_activity_pct: float = NAN
    tensor_activity_pct: float = NAN
    dram_activity_pct: float = NAN

    def pack(self) -> bytes:
        return RECORD.pack(*self)


def without_impossible_values(sample: Sample) -> Sample:
    """Return a sample whose energy and power can be; one that cannot is NaN, and `error` says so."""
    energy_j = sample.energy_j if _is_possible(sample.energy_j, 0.0, MOST_J) else NAN
    power_w = sample.power_w if _is_possible(sample.power_w, LEAST_W, MOST_W) else NAN
    if energy_j is sample.energy_j and power_w is sample.power_w:
        return sample
    return sample._replace(energy_j=energy_j, power_w=power_w, error=sample.error or READING_INVALID)


def _is_possible(value: float, least: float, most: float) -> bool:
    """Whether a value is within bounds, or NaN: not read."""
    return least <= value <= most or value != value
