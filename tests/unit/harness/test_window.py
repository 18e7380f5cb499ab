"""The window is the one interval that energy, time and tokens are counted over."""

from __future__ import annotations

import random

import pytest

from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.request import WARMUP_REPEAT, Prompt
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.testing import StandInBackend, VirtualClock
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", text="one two three") for number in range(6)]


def _protocol(**warmup: float | None) -> MeasurementConfig:
    return MeasurementConfig.model_validate({"warmup": warmup, "window": {"min_duration_s": 5.0}})


def _driver(clock: VirtualClock, **options: object) -> OfflineDriver:
    backend = StandInBackend()
    config = ExperimentConfig(model="any", backend="standin", standin={"token_s": 0.01, **options})
    backend.load(config, clock)
    return offline(backend, PROMPTS, clock)


def test_window_serves_whole_passes_until_it_is_long_enough() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    driver = _driver(clock)  # two batches of 8 x 10 ms: 0.16 s a pass
    plan = measure_window(driver, WindowPlan(min_duration_s=1.0), 0, log, Unmetered())
    (window,) = log.phases
    assert plan.passes == 7
    assert window.duration_s == 7 * 0.16
    assert len(log.requests) == 7 * len(PROMPTS)


def test_a_later_window_does_the_passes_of_the_first_however_long_they_take() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    plan = WindowPlan(min_duration_s=0.1, passes=5)
    assert measure_window(_driver(clock), plan, 0, log, Unmetered()) == plan
    assert len(log.requests) == 5 * len(PROMPTS)


@pytest.mark.parametrize("seed", range(20))
def test_every_window_reaches_the_minimum_whatever_the_speed_does(seed: int) -> None:
    chance = random.Random(seed)

    class Erratic(VirtualClock):
        def sleep(self, duration_s: float) -> None:
            super().sleep(duration_s * chance.choice((0.02, 0.5, 1.0, 1.0, 3.0)))

    clock = Erratic()
    log = Recorder(clock=clock)
    driver = _driver(clock)
    plan = WindowPlan(min_duration_s=1.0)
    for repeat in range(6):
        passes = plan.passes
        plan = measure_window(driver, plan, repeat, log, Unmetered())
        assert plan.passes >= passes
    assert min(phase.duration_s for phase in log.phases) >= 1.0
    table = log.requests.table()
    assert all(table.ended_in(p.start_unix_ns, p.end_unix_ns).sum() % len(PROMPTS) == 0 for p in log.phases)


def test_every_request_lies_within_its_window() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    measure_window(_driver(clock), WindowPlan(min_duration_s=0), 3, log, Unmetered())
    (window,) = log.phases
    for request in log.requests.table().rows():
        assert request.repeat == window.repeat == 3
        assert request.sent_unix_ns is not None
        assert window.start_unix_ns <= request.sent_unix_ns < request.closed_unix_ns <= window.end_unix_ns


def test_request_ids_are_distinct_across_warmup_passes_and_repeats() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    driver = _driver(clock)
    warm_up(driver, _protocol(min_requests=18, min_duration_s=0, max_duration_s=None), log, Unmetered())
    for repeat in range(2):
        measure_window(driver, WindowPlan(min_duration_s=0, passes=3), repeat, log, Unmetered())
    ids = {request.request_id for request in log.requests.table().rows()}
    assert len(ids) == len(log.requests) == 18 + 36


def test_warmup_stays_outside_the_window_and_its_requests_are_not_counted() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    config = _protocol(min_requests=7, min_duration_s=0, max_duration_s=None)
    assert warm_up(_driver(clock), config, log, Unmetered()) == "fixed"
    assert {request.repeat for request in log.requests.table().rows()} == {WARMUP_REPEAT}
    assert [phase.name for phase in log.phases] == ["warmup"]
    assert log.phases[0].duration_s == 3 * 0.08  # batches of four, two and four


def test_warmup_meets_both_its_minima() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    config = _protocol(min_requests=1, min_duration_s=1.0)
    warm_up(_driver(clock), config, log, Unmetered())
    assert 1.0 <= log.phases[0].duration_s < 1.0 + 0.08 + 1e-9


def test_warmup_of_nothing_leaves_no_phase() -> None:
    log = Recorder(clock=VirtualClock())
    warm_up(_driver(VirtualClock()), _protocol(min_requests=0, min_duration_s=0), log, Unmetered())
    assert log.phases == []


def test_idle_baseline_lasts_as_long_as_asked_and_zero_leaves_it_out() -> None:
    log = Recorder(clock=VirtualClock())
    measure_idle("baseline_idle", 1.7, log, Unmetered())
    measure_idle("baseline_loaded", 0.0, log, Unmetered())
    assert [(phase.name, phase.duration_s) for phase in log.phases] == [("baseline_idle", 1.7)]


def test_phase_that_fails_is_kept_and_marked_incomplete() -> None:
    log = Recorder(clock=VirtualClock())
    try:
        with log.phase("load"):
            log.clock.sleep(2.0)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    (phase,) = log.phases
    assert (phase.name, phase.duration_s, phase.complete) == ("load", 2.0, False)


def test_progress_of_a_window_counts_the_passes_that_it_will_take() -> None:
    plan = WindowPlan(min_duration_s=10.0, passes=1)
    assert plan.fraction(0.25, 30.0) == 0.25  # one pass takes two minutes, and there is no other
    assert plan.fraction(1.0, 4.0) == 1 / 3  # two passes of 4 s are too short
    assert plan.fraction(3.0, 12.0) == 1.0
    assert WindowPlan(min_duration_s=10.0, passes=4).fraction(1.0, 30.0) == 0.25
    assert WindowPlan(min_duration_s=10.0, passes=4).fraction(4.0, 8.0) == 0.8  # a fifth is needed
