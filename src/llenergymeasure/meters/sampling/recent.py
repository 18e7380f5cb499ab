"""Power and temperature at this moment, from the end of the spool file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from llenergymeasure.domain.sample import RECORD, Sample
from llenergymeasure.domain.trace import Channel, hottest_c

SPAN_NS = 1_000_000_000
"""Long enough for ten ticks of a slow counter, short enough to be called now."""
TAIL_RECORDS = 1000
"""Of eight GPUs at 50 Hz, two seconds."""


def recent_power_w(spool: Path, channels: Sequence[Channel], now_ns: int) -> float | None:
    """Return the mean power over the last second, summed over counted channels; None where one is not known."""
    recent: dict[int, list[Sample]] = {
        index: [] for index, channel in enumerate(channels) if channel.included_in_total
    }
    for sample in _tail(spool):
        if sample.channel in recent and sample.t_unix_ns >= now_ns - SPAN_NS:
            recent[sample.channel].append(sample)
    powers = [_power_w(samples) for samples in recent.values()]
    known = [power for power in powers if power is not None]
    return math.fsum(known) if known and len(known) == len(powers) else None


def recent_temperature_c(spool: Path, channels: Sequence[Channel], now_ns: int) -> float | None:
    """Return the latest temperature of the hottest device, as `domain.trace.hottest_c`; None if over a second old."""
    return hottest_c(
        channels,
        {
            sample.channel: sample.temperature_c
            for sample in _tail(spool)
            if sample.t_unix_ns >= now_ns - SPAN_NS and not math.isnan(sample.temperature_c)
        },
    )


def _tail(spool: Path) -> list[Sample]:
    with spool.open("rb") as file:
        records = file.seek(0, 2) // RECORD.size
        kept = min(records, TAIL_RECORDS)
        file.seek((records - kept) * RECORD.size)
        raw = file.read(kept * RECORD.size)
    return [Sample(*fields) for fields in RECORD.iter_unpack(raw)]


def _power_w(samples: Sequence[Sample]) -> float | None:
    """Average the power readings; where there are none, take the rise of the counter over time."""
    readings = [sample.power_w for sample in samples if not math.isnan(sample.power_w)]
    if readings:
        return math.fsum(readings) / len(readings)
    counts = [sample for sample in samples if not math.isnan(sample.energy_j)]
    if len(counts) < 2:
        return None
    rise_j = counts[-1].energy_j - counts[0].energy_j
    span_s = (counts[-1].t_unix_ns - counts[0].t_unix_ns) / 1e9
    return rise_j / span_s if rise_j >= 0 and span_s > 0 else None
