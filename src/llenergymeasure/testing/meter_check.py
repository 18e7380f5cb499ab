"""The conformance check of a meter."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.sample import Sample, without_impossible_values
from llenergymeasure.domain.trace import Channel
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.probing import probe_meter


def check_meter(
    meter_class: type[Meter], options: MeterOptions | None = None, readings: int = 3
) -> tuple[Channel, ...]:
    """Open a meter, read it and close it, and return its channels.

    None of them where this machine lacks what the meter reads: then only that it says so was checked. Run it on a
    simulated device too, and look that channels come back.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert meter_class.name, "a plugin has a name"
    assert meter_class().period_s > 0, "period_s says how often the sensor is worth reading"
    options = options or MeterOptions()
    status = probe_meter(meter_class(), options, with_readings=True)
    if not status.available:
        assert status.reason, "a meter that is not available says why"
        return ()
    meter = meter_class()
    clock = AnchoredClock()
    try:
        channels = meter.open(options)
        assert channels, "open() gives at least one channel"
        assert all(channel.meter == meter_class.name for channel in channels), (
            "channels bear the meter's name"
        )
        assert len({channel.key for channel in channels}) == len(channels), (
            "no two channels are the same sensor"
        )
        for _ in range(readings):
            _check_samples(meter.read(clock.offset_ns), len(channels), clock)
            clock.sleep(meter.period_s)
    finally:
        meter.close()
    meter.close()
    return tuple(channels)


def _check_samples(samples: Sequence[Sample], n_channels: int, clock: Clock) -> None:
    for sample in samples:
        assert 0 <= sample.channel < n_channels, "samples index the channels of open()"
        assert abs(sample.t_unix_ns - clock.now_ns()) < 5e9, "samples bear the run's own time"
        known = sample.energy_j == sample.energy_j or sample.power_w == sample.power_w
        assert known or sample.error, "a sample without energy and power carries the error that explains it"
        assert without_impossible_values(sample).error == sample.error, (
            "energy and power are above 0, finite, and of a size that a device can have"
        )
