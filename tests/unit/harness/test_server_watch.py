"""What a server counts over a window is read outside of it, and kept with the facts of the run."""

from __future__ import annotations

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.server_side import ServerSample
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.testing import StandInBackend, VirtualClock
from tests.support.driving import offline


class CountingServer:
    """Counts 30 tokens more each time it is asked, which takes 20 ms."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._tokens = 0

    def server_sample(self) -> ServerSample:
        self._clock.sleep(0.02)
        self._tokens += 30
        return ServerSample(unix_ns=self._clock.now_ns(), output_tokens=self._tokens)


def measured(*, with_server: bool) -> Recorder:
    clock = VirtualClock()
    log = Recorder(clock=clock, server=CountingServer(clock) if with_server else None)
    backend = StandInBackend()
    backend.load(ExperimentConfig(model="any", backend="standin", standin={"token_s": 0.01}), clock)
    driver = offline(backend, [Prompt(prompt_id="a", text="one two")], clock)
    for repeat in range(2):
        measure_window(driver, WindowPlan(min_duration_s=0.1), repeat, log, Unmetered())
    return log


def test_each_window_has_what_the_server_counted_over_it() -> None:
    windows = measured(with_server=True).facts.server_windows
    assert [(window.repeat, window.output_tokens) for window in windows] == [(0, 30), (1, 30)]


def test_the_server_is_asked_outside_of_the_window() -> None:
    asked, plain = measured(with_server=True), measured(with_server=False)
    assert [phase.duration_s for phase in asked.phases] == [phase.duration_s for phase in plain.phases]
    for phase, window in zip(asked.phases, asked.facts.server_windows, strict=True):
        assert window.start_unix_ns <= phase.start_unix_ns < phase.end_unix_ns < window.end_unix_ns


def test_without_a_server_there_is_nothing() -> None:
    assert measured(with_server=False).facts.server_windows == ()
