"""Claims about the temperature of the devices at this moment."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.meters.sampling.recent import SPAN_NS, recent_temperature_c
from llenergymeasure.meters.sampling.spool import SpoolReader

NOW_NS = 1_700_000_000_000_000_000
CHANNELS = tuple(
    Channel(meter="nvml", domain="gpu", device=device, label=device, method="counter")
    for device in ("a", "b")
)


def _recent(tmp_path: Path, *samples: Sample) -> float | None:
    spool = tmp_path / "samples.bin"
    spool.write_bytes(b"".join(sample.pack() for sample in samples))
    return recent_temperature_c(CHANNELS, SpoolReader(spool).read(len(CHANNELS), NOW_NS - SPAN_NS))


def _sample(channel: int, age_s: float, **more: float) -> Sample:
    return Sample(channel, NOW_NS - round(age_s * 1e9), power_w=80.0, **more)


def test_each_card_is_taken_by_its_latest_reading_and_the_hottest_counts(tmp_path: Path) -> None:
    assert (
        _recent(
            tmp_path,
            _sample(0, 0.5, temperature_c=70.0),
            _sample(1, 0.4, temperature_c=50.0),
            _sample(0, 0.3, temperature_c=60.0),
            _sample(0, 0.1),  # most readings leave the temperature out
        )
        == 60.0
    )


def test_temperature_of_a_card_that_has_fallen_silent_is_unknown(tmp_path: Path) -> None:
    old, young = _sample(0, 3.0, temperature_c=40.0), _sample(1, 0.2, temperature_c=50.0)
    assert _recent(tmp_path, old, young) is None
    assert _recent(tmp_path) is None
