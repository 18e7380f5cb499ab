"""What a look at the samples costs while a run goes on: eight GPUs after an hour at 50 Hz."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from benchmarks.report import figure, publish

from llenergymeasure.domain.sample import FIELDS
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.meters.sampling.recent import SPAN_NS, recent_power_w
from llenergymeasure.meters.sampling.spool import SpoolReader
from llenergymeasure.metrics.energy.account import EnergyAccount

GPUS, SECONDS, RATE_HZ, TICK_S = 8, 3600, 50, 0.1
LOOKS, BETWEEN_S = 120, 0.5
STRETCH_S, EDGE_S = 30.0, 2.0
START_NS = 1_700_000_000_000_000_000
CHANNELS = tuple(
    Channel(meter="nvml", domain="gpu", device=f"GPU-{number}", label=f"GPU {number}", method="counter")
    for number in range(GPUS)
)


def main() -> None:
    """Time looks at an hour of samples, each half a second of samples after the one before."""
    looks = (_whole_trace, _recent_power, _energy_of_stretch)
    spent_ms: list[list[float]] = [[] for _ in looks]
    with tempfile.TemporaryDirectory() as folder:
        for number, (reader, now_ns) in enumerate(_growing(Path(folder) / "samples.bin")):
            start = time.perf_counter()
            looks[number % len(looks)](reader, now_ns)
            spent_ms[number % len(looks)].append((time.perf_counter() - start) * 1e3)
    publish(
        "live_trace",
        [
            figure("look at all samples of an hour", "ms", spent_ms[0], 20.0),
            figure("recent power after an hour", "ms", spent_ms[1], 20.0),
            figure(f"energy of {STRETCH_S:.0f} s after an hour", "ms", spent_ms[2]),
        ],
    )


def _whole_trace(reader: SpoolReader, now_ns: int) -> None:
    trace = EnergyTrace(channels=CHANNELS, by_channel=reader.read(GPUS))
    assert all(len(trace.of(number)) for number in range(GPUS))


def _recent_power(reader: SpoolReader, now_ns: int) -> None:
    assert recent_power_w(CHANNELS, reader.read(GPUS, now_ns - SPAN_NS))


def _energy_of_stretch(reader: SpoolReader, now_ns: int) -> None:
    since_ns = now_ns - _ns(STRETCH_S + 2 * EDGE_S)
    account = EnergyAccount(EnergyTrace(channels=CHANNELS, by_channel=reader.read(GPUS, since_ns)))
    stretch = Phase(name="warmup", start_unix_ns=since_ns + _ns(EDGE_S), end_unix_ns=now_ns - _ns(EDGE_S))
    assert account.energy(stretch).energy_j


def _growing(spool: Path) -> Iterator[tuple[SpoolReader, int]]:
    """Yield a reader that knows all but the last half second of the spool, and the time of the last sample."""
    rows = _hour()
    seconds = SECONDS - BETWEEN_S * np.arange(LOOKS, -1, -1)
    ends = np.searchsorted(rows["t_unix_ns"], [START_NS + _ns(each) for each in seconds])
    spool.write_bytes(rows[: ends[0]].tobytes())
    reader = SpoolReader(spool)
    reader.read(GPUS)
    for begin, end in pairwise(ends):
        with spool.open("ab") as file:
            file.write(rows[begin:end].tobytes())
        yield reader, int(rows["t_unix_ns"][end - 1])


def _hour() -> np.ndarray:
    """Return the samples in the order in which the sampler writes them: time order, each GPU with its own jitter."""
    random = np.random.default_rng(0)
    count = SECONDS * RATE_HZ
    rows = np.zeros(count * GPUS, dtype=sample_dtype())
    for name, kind in FIELDS:
        if kind.startswith("<f"):
            rows[name] = np.nan
    for channel in range(GPUS):
        times_s = np.sort(random.uniform(0, SECONDS, count))
        shown = (times_s / TICK_S).astype(int)
        part = rows[channel * count : (channel + 1) * count]
        part["channel"], part["t_unix_ns"] = channel, START_NS + (times_s * 1e9).astype("i8")
        power_w = 300 + 100 * np.sin(np.arange(shown[-1] + 1) / random.uniform(3, 30))
        part["power_w"], part["energy_j"] = power_w[shown], np.cumsum(power_w * TICK_S)[shown]
    return rows[np.argsort(rows["t_unix_ns"], kind="stable")]


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


if __name__ == "__main__":
    main()
