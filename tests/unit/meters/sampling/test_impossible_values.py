"""Values that no device can have are left out by the sampler, and the result says so."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.domain.sample import READING_INVALID, Sample
from llenergymeasure.domain.trace import Channel, sample_dtype
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.probing import probe_meter
from llenergymeasure.meters.sampling.open_meter import OpenMeter
from llenergymeasure.meters.sampling.opening import open_meters
from tests.support.sensor_judgement import END_S, judge
from tests.support.synthetic import BASE_NS

PERIOD_S = 0.02
JITTER_W = 0.3
Publish = Callable[[float], dict[str, float]]


class Publishing:
    """Publishes what the test asks for, at the times that it asks for."""

    name, period_s = "publishing", PERIOD_S
    publish: Publish = staticmethod(lambda _at_s: {"power_w": 10.0})
    now_ns: Callable[[], int] = staticmethod(time.monotonic_ns)

    def open(self, _options: MeterOptions) -> list[Channel]:
        return [Channel(meter=self.name, domain="system", device="d", label="D", method="sampled")]

    def read(self, offset_ns: int) -> list[Sample]:
        now_ns = self.now_ns()
        return [Sample(0, now_ns + offset_ns, **self.publish((now_ns - BASE_NS) / 1e9))]

    def close(self) -> None: ...


def _sampled(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> NDArray[Any]:
    """Return what the sampler keeps of a meter that publishes this for 14 s."""
    times_ns = iter(BASE_NS + np.arange(0, END_S * 1e9, PERIOD_S * 1e9).astype(np.int64))
    monkeypatch.setattr(Publishing, "publish", staticmethod(publish))
    monkeypatch.setattr(Publishing, "now_ns", staticmethod(lambda: int(next(times_ns))))
    with ExitStack() as stack:
        (opened,) = open_meters([Publishing], [], MeterOptions(), stack).meters
        meter = OpenMeter(opened.meter, opened.channels, 0, 0.0)
        return np.frombuffer(
            b"".join(meter.read(0) for _ in range(int(END_S / PERIOD_S))), sample_dtype()
        ).copy()


def _watts(at_s: float) -> float:
    return 10.0 + JITTER_W * math.sin(1e3 * at_s)


def _counter_of(start_j: float) -> Publish:
    return lambda at_s: {"energy_j": start_j + 10.0 * at_s}


def _from_5_s(watts: float) -> Publish:
    return lambda at_s: {"power_w": _watts(at_s) if at_s < 5 else watts + JITTER_W * math.sin(1e3 * at_s)}


IMPOSSIBLE: dict[str, Publish] = {
    "negative from 5 s on": _from_5_s(-50.0),
    "a little too negative": _from_5_s(-2.0),
    "infinite": _from_5_s(math.inf),
    "minus infinity": _from_5_s(-math.inf),
    "near the largest float": _from_5_s(1e308),
    "always negative": lambda _: {"power_w": -50.0},
    "counter near the largest float": lambda at_s: {"energy_j": 1e306 * (1 + at_s)},
    "counter below zero": _counter_of(-1e6),
    "counter that becomes infinite": lambda at_s: {"energy_j": 10.0 * at_s if at_s < 5 else math.inf},
}


@pytest.mark.parametrize("publish", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_values_are_no_energy_and_the_result_says_so(
    publish: Publish, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    samples = _sampled(publish, monkeypatch)
    warnings, breakdown = judge(samples, meter="publishing", domain="system", label="D")
    assert breakdown.by_device[0].energy_j is None
    (told,) = (warning for warning in warnings if warning.code == "sensor_values_impossible")
    assert told.severity == "invalid"
    assert "D published values that cannot be (below zero, infinite or far too large)" in told.message
    assert "sensor_errors" not in [warning.code for warning in warnings]
    assert len([each for each in caplog.messages if "no device can have that" in each]) == 1


def test_a_single_bad_value_costs_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _sampled(lambda at_s: {"power_w": -1e4 if 8.0 < at_s <= 8.02 else _watts(at_s)}, monkeypatch)
    assert (samples["error"] == READING_INVALID).sum() == 1
    warnings, breakdown = judge(samples, meter="publishing", domain="system", label="D")
    assert [warning.code for warning in warnings] == ["sensor_values_impossible"]
    assert warnings[0].severity == "warning"
    assert breakdown.by_device[0].energy_j == pytest.approx(90.0, rel=0.01)


def test_noise_around_zero_and_what_is_not_read_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _sampled(lambda at_s: {"power_w": math.sin(1e3 * at_s) * 0.9}, monkeypatch)
    assert (samples["error"] == 0).all()
    assert samples["power_w"].min() < -0.8
    assert np.isnan(samples["energy_j"]).all()


@pytest.mark.parametrize("watts", [-50.0, math.inf])
def test_doctor_shows_no_impossible_value(watts: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Publishing, "publish", staticmethod(lambda _at_s: {"power_w": watts}))
    (reading,) = probe_meter(Publishing(), MeterOptions(), with_readings=True).readings
    assert reading.startswith("not readable: its sensor published a value that cannot be")
