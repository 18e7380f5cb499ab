"""Loads on a backend that streams, in real time: a pass in flight together, and an interrupt."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from llenergymeasure.backends.base import Chunk, ScheduledRequest
from llenergymeasure.config.load import ClosedLoad, OfflineLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.drivers import open_driver
from llenergymeasure.testing import StreamingStandInBackend

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(10)]


def _inputs(backend: StreamingStandInBackend, clock: AnchoredClock) -> DriverInputs:
    return DriverInputs(backend=backend, workload=backend.encode(PROMPTS), clock=clock)


def _window(**options: object) -> tuple[RequestTable, Recorder]:
    clock, backend = AnchoredClock(), StreamingStandInBackend()
    log = Recorder(clock=clock)
    backend.load(ExperimentConfig(model="any", backend="standin_streaming", standin_streaming=options), clock)
    with open_driver(OfflineLoad(), _inputs(backend, clock)) as driver:
        measure_window(driver, WindowPlan(min_duration_s=0, passes=2), 0, log, Unmetered())
    return log.requests.table(), log


def test_requests_of_a_pass_are_in_flight_together_and_passes_one_after_the_other() -> None:
    table, log = _window()
    first, second = table.select(slice(0, 10)), table.select(slice(10, 20))
    assert first.sent_unix_ns.max() < first.closed_unix_ns.min()
    assert first.closed_unix_ns.max() <= second.sent_unix_ns.min()
    (window,) = log.phases
    assert table.lies_within(window.start_unix_ns, window.end_unix_ns).all()


def test_a_failing_request_is_recorded_and_the_others_are_served() -> None:
    table, _ = _window(fail_every=5)
    assert (table.status == "error").sum() == 4


def test_a_pass_in_which_every_request_fails_ends_the_run() -> None:
    with pytest.raises(BackendError, match="all 10 requests failed"):
        _window(fail_every=1)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, whatever a test before did to its handler."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("load", [OfflineLoad(), ClosedLoad(kind="closed", concurrency=10)])
def test_a_signal_cancels_what_is_in_flight_and_ends_the_run(load: OfflineLoad | ClosedLoad) -> None:
    class Interrupting(StreamingStandInBackend):
        """The user presses Ctrl-C while the answers come."""

        async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
            async for chunk in super().stream(request):
                yield chunk
                if request.encoded.index == 9 and chunk.tokens:  # all ten are in flight
                    os.kill(os.getpid(), signal.SIGINT)
                    await asyncio.sleep(30)

    clock, backend = AnchoredClock(), Interrupting()
    log = Recorder(clock=clock)
    options = {"prefill_s": 0.0, "output_tokens": 10_000, "token_s": 0.01}
    workload = {"max_output_tokens": 10_000}
    config = ExperimentConfig.model_validate(
        {"model": "any", "backend": "standin_streaming", "workload": workload, "standin_streaming": options}
    )
    backend.load(config, clock)
    with (
        open_driver(load, _inputs(backend, clock)) as driver,
        pytest.raises(KeyboardInterrupt),
    ):
        measure_window(driver, WindowPlan(min_duration_s=0), 0, log, Unmetered())
    assert set(log.requests.table().status) == {"cancelled"}
    assert len(log.requests) == 10
