"""Warm-up goes on until step time and power are steady, and says when they were not."""

from __future__ import annotations

import random

import pytest

from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import Prompt
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.testing import (
    ContinuousStandInBackend,
    KnownPower,
    StandInBackend,
    StreamingStandInBackend,
    VirtualClock,
)
from tests.support.driving import closed, offline

PROMPTS = [Prompt(prompt_id=f"p{number}", text="one two three") for number in range(4)]


def _protocol(**warmup: float | None) -> MeasurementConfig:
    return MeasurementConfig.model_validate({"warmup": warmup, "window": {"min_duration_s": 5.0}})


CONFIG = _protocol(min_requests=8, min_duration_s=2.0, max_duration_s=60.0)


class SettlingBackend(StandInBackend):
    """Each step takes 30 ms at first and 20 ms once settled, with two percent of noise."""

    def __init__(self, settles_after: int) -> None:
        super().__init__()
        self._settles_after = settles_after
        self._noise = random.Random(1)

    def _decode(self) -> tuple[int, ...]:
        cold = max(1.0 - self._served / self._settles_after, 0.0)
        times = []
        for _ in range(8):
            self._clock.sleep((0.02 + 0.01 * cold) * self._noise.gauss(1.0, 0.02))
            times.append(self._clock.now_ns())
        return tuple(times)


def _log(clock: VirtualClock) -> Recorder:
    return Recorder(clock=clock)


def _load(backend: StandInBackend, clock: VirtualClock, **options: object) -> StandInBackend:
    backend.load(ExperimentConfig(model="any", backend="standin", standin=options), clock)
    return backend


def test_steady_backend_needs_no_more_than_the_minimum() -> None:
    clock = VirtualClock()
    log = _log(clock)
    backend = _load(StandInBackend(), clock, token_s=0.02)
    assert (
        warm_up(offline(backend, PROMPTS, clock), CONFIG, log, KnownPower(clock, lambda _: 100.0)) == "steady"
    )
    assert log.phases[0].duration_s < 3.0


def test_cold_backend_is_waited_for() -> None:
    clock = VirtualClock()
    log = _log(clock)
    backend = _load(SettlingBackend(settles_after=60), clock)
    assert warm_up(offline(backend, PROMPTS, clock), CONFIG, log, Unmetered()) == "steady"
    steps = [request.chunk_unix_ns[-1] - request.chunk_unix_ns[0] for request in log.requests.table().rows()]
    assert 8.0 < log.phases[0].duration_s < 60.0
    assert steps[-1] < 1.15 * 0.14e9


def test_rising_power_is_waited_for_though_latency_is_flat() -> None:
    clock = VirtualClock()
    log = _log(clock)
    start = clock.now_ns()
    backend = _load(StandInBackend(), clock, token_s=0.02)

    def power_w(time_ns: int) -> float:
        return 100.0 + 20.0 * min((time_ns - start) / 1e9, 15.0)

    assert warm_up(offline(backend, PROMPTS, clock), CONFIG, log, KnownPower(clock, power_w)) == "steady"
    assert log.phases[0].duration_s > 15.0


def test_backend_that_never_settles_ends_at_the_cap_and_says_so() -> None:
    clock = VirtualClock()
    log = _log(clock)
    backend = _load(StandInBackend(), clock, token_s=0.01, drift=0.01)
    config = _protocol(min_requests=8, min_duration_s=2.0, max_duration_s=10.0)
    assert warm_up(offline(backend, PROMPTS, clock), config, log, Unmetered()) == "cap"
    assert 10.0 <= log.phases[0].duration_s < 11.0


def test_continuous_batching_is_steady_once_its_steps_are() -> None:
    clock = VirtualClock()
    log = _log(clock)
    backend = ContinuousStandInBackend()
    options = {"token_s": 0.02, "slots": 4}
    backend.load(
        ExperimentConfig(model="any", backend="standin_continuous", standin_continuous=options), clock
    )
    power = KnownPower(clock, lambda _: 100.0)
    assert warm_up(offline(backend, PROMPTS, clock), CONFIG, log, power) == "steady"
    assert log.phases[0].duration_s < 4.0


def test_a_closed_loop_is_steady_once_its_streams_are() -> None:
    clock = VirtualClock()
    log = _log(clock)
    backend = StreamingStandInBackend()
    backend.load(
        ExperimentConfig(model="any", backend="standin_streaming", standin_streaming={"token_s": 0.02}), clock
    )
    driver = closed(backend, PROMPTS, clock, concurrency=3)
    power = KnownPower(clock, lambda _: 100.0)
    assert warm_up(driver, CONFIG, log, power) == "steady"
    driver.close()
    assert log.phases[0].duration_s < 4.0


def test_the_last_progress_of_the_warmup_tells_the_rate_over_whole_batches() -> None:
    clock, told = VirtualClock(), list[RunEvent]()
    backend = _load(StandInBackend(), clock, token_s=0.25, batch_size=4, output_tokens=8)
    protocol = _protocol(min_requests=4, min_duration_s=0.0, max_duration_s=None)
    warm_up(offline(backend, PROMPTS, clock), protocol, Recorder(clock=clock, emit=told.append), Unmetered())
    assert told[-1].requests_per_s == pytest.approx(4 / 2.0)


def test_the_last_progress_of_the_warmup_marks_the_power_of_a_model() -> None:
    clock, told = VirtualClock(), list[RunEvent]()
    power = KnownPower(clock, lambda _: 12.0, method="estimated")
    log = Recorder(clock=clock, emit=told.append, metering=power)
    protocol = _protocol(min_requests=4, min_duration_s=0.0, max_duration_s=None)
    warm_up(offline(_load(StandInBackend(), clock), PROMPTS, clock), protocol, log, power)
    assert (told[-1].power_w, told[-1].power_is_estimated) == (12.0, True)
