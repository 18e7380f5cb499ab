"""A closed loop keeps its clients busy over the whole window, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from llenergymeasure.backends.base import Chunk, RequestError, ScheduledRequest
from llenergymeasure.config.load import ClosedLoad, OfflineLoad
from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.request import WARMUP_REPEAT, Prompt
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.exceptions import BackendError, ConfigError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.drivers import DRIVERS, load_problem, open_driver
from llenergymeasure.testing import StandInBackend, StreamingStandInBackend, VirtualClock
from llenergymeasure.testing.stand_in import StandIn, TimedOptions
from tests.support.driving import closed

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(10)]
OPTIONS = {"token_s": 0.01, "prefill_s": 0.05, "output_tokens": 16}
"""An answer takes 50 + 15 x 10 = 200 ms."""


def _loaded(
    clock: VirtualClock, backend: StreamingStandInBackend, **options: object
) -> StreamingStandInBackend:
    settings = {**OPTIONS, **options}
    backend.load(
        ExperimentConfig(model="any", backend="standin_streaming", standin_streaming=settings), clock
    )
    return backend


def _window(
    concurrency: int = 4,
    seconds: float = 2.0,
    backend: StreamingStandInBackend | None = None,
    **options: object,
) -> tuple[RequestTable, Recorder]:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    driver = closed(
        _loaded(clock, backend or StreamingStandInBackend(), **options), PROMPTS, clock, concurrency
    )
    try:
        measure_window(driver, WindowPlan(min_duration_s=seconds), 0, log, Unmetered())
        driver.drain()
    finally:
        driver.close()
    return log.requests.table(), log


def test_every_client_has_one_request_in_flight_at_any_time_of_the_window() -> None:
    table, log = _window(concurrency=4)
    (window,) = log.phases
    for time_ns in np.linspace(window.start_unix_ns, window.end_unix_ns, 50):
        in_flight = (table.sent_unix_ns <= time_ns) & (time_ns <= table.closed_unix_ns)
        assert (
            4 <= in_flight.sum() <= 8
        )  # at an instant where requests end, both they and the next ones count


def test_window_lasts_as_long_as_asked_and_requests_cross_its_edges() -> None:
    table, log = _window(seconds=2.1)
    (window,) = log.phases
    assert window.duration_s == pytest.approx(2.1)
    assert table.is_cut_by(window.start_unix_ns, window.end_unix_ns).sum() == 4
    assert set(table.status) == {"ok"}


def test_tokens_of_a_window_are_its_rate_times_its_time() -> None:
    table, log = _window(concurrency=4, seconds=2.0)
    (window,) = log.phases
    tokens = table.output_tokens_in(window.start_unix_ns, window.end_unix_ns)
    assert tokens == pytest.approx(4 * 16 * 2.0 / 0.2, abs=4)
    assert table.output_tokens.sum() == table.chunk_tokens.sum() > tokens


def test_a_message_with_a_role_alone_is_not_the_first_token() -> None:
    table, _ = _window()
    assert (table.first_token_unix_ns - table.sent_unix_ns == 50_000_000).all()
    assert (table.chunk_tokens > 0).all()
    assert set(table.chunk_tokens.tolist()) == {1, 2}


def test_next_request_is_due_when_the_last_one_has_ended() -> None:
    table, _ = _window(concurrency=1)
    assert (table.scheduled_unix_ns == table.sent_unix_ns).all()
    assert (table.scheduled_unix_ns[1:] == table.closed_unix_ns[:-1]).all()


def test_a_failing_request_is_recorded_with_what_came_before_it_failed() -> None:
    table, log = _window(fail_every=5)
    failed = table.select(table.status == "error")
    assert {name.rpartition(".")[2] for name in failed.request_id} == {"p0", "p5"}
    assert set(failed.error_kind) == {"StandInFailure"}
    assert (failed.output_tokens == 1).all()
    assert log.phases[0].complete


def test_a_client_pauses_after_a_failure() -> None:
    table, _ = _window(concurrency=1, seconds=5.0, fail_every=10)
    failures = np.flatnonzero(table.status == "error")[:-1]
    assert (table.sent_unix_ns[failures + 1] - table.closed_unix_ns[failures] == 1_000_000_000).all()


def test_requests_that_all_fail_end_the_run() -> None:
    with pytest.raises(BackendError, match=r"the last 12 requests failed \(StandInFailure: 12\)"):
        _window(seconds=30.0, fail_every=1)


def test_a_server_that_dies_in_a_window_ends_the_run_and_keeps_what_was_recorded() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    driver = closed(_loaded(clock, StreamingStandInBackend(), dies_after=20), PROMPTS, clock, 4)
    with pytest.raises(BackendError, match=r"no longer answers.*ConnectionRefused"):
        measure_window(driver, WindowPlan(min_duration_s=60.0), 0, log, Unmetered())
    driver.close()
    table = log.requests.table()
    assert (table.status == "ok").sum() == 20
    assert [phase.complete for phase in log.phases] == [False]


def test_a_server_that_refuses_what_is_too_much_is_not_dead() -> None:
    class Full(StreamingStandInBackend):
        """Serves one request at a time."""

        is_busy = False

        async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
            if self.is_busy:
                raise RequestError("429", status="rejected")
            self.is_busy = True
            async for chunk in super().stream(request):
                yield chunk
            self.is_busy = False

    table, log = _window(concurrency=4, seconds=20.0, backend=Full(), output_tokens=128, prefill_s=8.0)
    assert log.phases[0].complete
    assert set(table.status) == {"ok", "rejected"}
    assert (table.output_tokens[table.status == "rejected"] == 0).all()


def test_a_request_that_takes_too_long_for_its_client_is_a_timeout() -> None:
    class Slow(StreamingStandInBackend):
        async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
            if request.encoded.index == 3:
                await asyncio.sleep(0.3)
                raise asyncio.TimeoutError
            async for chunk in super().stream(request):
                yield chunk

    table, _ = _window(backend=Slow())
    assert set(table.status) == {"ok", "timeout"}


def test_warmup_and_repeats_run_on_a_closed_loop() -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    driver = closed(_loaded(clock, StreamingStandInBackend()), PROMPTS, clock, 3)
    protocol = MeasurementConfig.model_validate(
        {
            "warmup": {"min_requests": 30, "min_duration_s": 1.0, "max_duration_s": None},
            "window": {"min_duration_s": 2.0},
            "repeats": {"min": 3, "max": 3},
        }
    )
    assert warm_up(driver, protocol, log, Unmetered()) == "fixed"
    assert measure_repeats(driver, protocol, log, Unmetered()) == "fixed"
    driver.drain()
    driver.close()
    table = log.requests.table()
    assert len(set(table.request_id)) == len(table)
    assert (table.repeat == WARMUP_REPEAT).sum() >= 30
    assert [phase.name for phase in log.phases] == ["warmup", "window", "window", "window"]


def test_a_backend_that_takes_all_at_once_cannot_be_driven_in_a_closed_loop_and_says_why() -> None:
    load, clock = ClosedLoad(kind="closed", concurrency=2), VirtualClock()
    with pytest.raises(
        ConfigError, match=r"backend 'standin' only takes all of them at once: set load\.kind: offline"
    ):
        open_driver(load, DriverInputs(backend=StandInBackend(), workload=[], clock=clock)).__enter__()


def test_a_backend_that_serves_neither_way_is_refused() -> None:
    class Neither(StandIn[TimedOptions]):
        name = "neither"

    problem = load_problem(OfflineLoad(), Neither)
    assert problem is not None
    assert "has neither run() nor stream()" in problem


def test_every_kind_of_load_in_the_configuration_has_a_driver() -> None:
    schema = ExperimentConfig.model_json_schema()
    assert set(schema["properties"]["load"]["discriminator"]["mapping"]) == set(DRIVERS)
