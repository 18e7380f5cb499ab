"""Whole passes over the workload: each request is reported once, with the driver's own stamps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from llenergymeasure.backends.base import Done, ScheduledRequest
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.testing import ContinuousStandInBackend, StandInBackend, VirtualClock
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(10)]
ONE_PASS = WindowPlan(min_duration_s=0, passes=1)


def _window(
    backend: Any, plan: WindowPlan = ONE_PASS, **options: object
) -> tuple[list[RequestRecord], Recorder]:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    backend.load(ExperimentConfig(model="any", backend=backend.name, **{backend.name: options}), clock)
    measure_window(offline(backend, PROMPTS, clock), plan, 2, log, Unmetered())
    return list(log.requests.table().rows()), log


class Altered(StandInBackend):
    """Reports its requests as a faulty backend would."""

    def alter(self, records: list[RequestRecord]) -> list[RequestRecord]:
        return records

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        records: list[RequestRecord] = []
        super().run(requests, records.append)
        for record in self.alter(records):
            done(record)


def test_static_batches_are_recorded_with_their_number_and_end_together() -> None:
    records, _ = _window(StandInBackend(), batch_size=4)
    assert [record.batch for record in records] == [0] * 4 + [1] * 4 + [2] * 2
    assert len({record.closed_unix_ns for record in records}) == 3


def test_continuous_batching_ends_requests_in_its_own_order_from_its_own_thread() -> None:
    threads: set[str] = set()

    class Watched(ContinuousStandInBackend):
        def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
            def noting(record: RequestRecord) -> None:
                threads.add(threading.current_thread().name)
                done(record)

            super().run(requests, noting)

    records, _ = _window(Watched(), slots=4)
    order = [record.request_id for record in records]
    assert sorted(order) == sorted(f"r2.p0.p{number}" for number in range(10))
    assert order != sorted(order)
    assert threads == {"standin-engine"}
    assert {record.batch for record in records} == {None}


@pytest.mark.parametrize("backend", [StandInBackend(), ContinuousStandInBackend()])
def test_no_token_is_lost_between_the_requests_and_the_window(backend: Any) -> None:
    records, log = _window(backend, WindowPlan(min_duration_s=0, passes=3))
    (window,) = log.phases
    table = log.requests.table()
    span = window.start_unix_ns, window.end_unix_ns
    assert len(records) == 30
    assert table.output_tokens_in(*span) == sum(record.output_tokens for record in records)
    assert table.prompt_tokens_in(*span) == 30 * 10


def test_steps_of_a_continuous_engine_have_the_tokens_of_its_requests() -> None:
    backend = ContinuousStandInBackend()
    records, log = _window(backend, slots=3)
    steps = backend.steps()
    assert sum(step.prefill_tokens for step in steps) == sum(record.prompt_tokens for record in records)
    firsts = len(records)
    assert sum(step.decode_tokens for step in steps) + firsts == sum(each.output_tokens for each in records)
    assert max(step.requests for step in steps) == 3
    (window,) = log.phases
    assert all(
        window.start_unix_ns <= each.start_unix_ns < each.end_unix_ns <= window.end_unix_ns for each in steps
    )
    assert backend.steps() == []


def test_a_request_is_due_when_the_backend_begins_with_it() -> None:
    records, _ = _window(ContinuousStandInBackend(), slots=2)
    assert all(record.scheduled_unix_ns == record.sent_unix_ns for record in records)
    assert len({record.scheduled_unix_ns for record in records}) > 2


def test_the_drivers_stamps_stand_whatever_the_backend_reports() -> None:
    class Forgetful(Altered):
        def alter(self, records: list[RequestRecord]) -> list[RequestRecord]:
            return [replace(record, repeat=99, scheduled_unix_ns=1) for record in records]

    records, log = _window(Forgetful())
    assert {record.repeat for record in records} == {2}
    assert all(record.scheduled_unix_ns >= log.phases[0].start_unix_ns for record in records)


def test_a_request_that_is_never_reported_is_named() -> None:
    class Lossy(Altered):
        def alter(self, records: list[RequestRecord]) -> list[RequestRecord]:
            return records[:-1]

    with pytest.raises(BackendError, match=r"without a report on 1 of 10 requests, r2\.p0\.p9 among them"):
        _window(Lossy())


def test_a_request_that_is_reported_twice_is_named() -> None:
    class Stuttering(Altered):
        def alter(self, records: list[RequestRecord]) -> list[RequestRecord]:
            return [*records, records[3]]

    with pytest.raises(
        BackendError, match=r"reported request r2\.p0\.p3, which it was not given or had reported"
    ):
        _window(Stuttering())


def test_a_failed_request_is_recorded_and_the_run_goes_on() -> None:
    records, log = _window(ContinuousStandInBackend(), WindowPlan(min_duration_s=0, passes=2), fail_every=5)
    failed = [record for record in records if record.status != "ok"]
    assert {record.request_id for record in failed} == {f"r2.p{n}.p{k}" for n in (0, 1) for k in (0, 5)}
    assert {(record.status, record.error_kind) for record in failed} == {("error", "StandInFailure")}
    assert log.phases[0].complete


def test_a_pass_in_which_every_request_fails_ends_the_run() -> None:
    with pytest.raises(BackendError, match=r"all 10 requests failed \(StandInFailure: 10\)"):
        _window(ContinuousStandInBackend(), fail_every=1)


def test_a_backend_that_dies_keeps_what_was_recorded() -> None:
    backend, clock = StandInBackend(), VirtualClock()
    log = Recorder(clock=clock)
    options = {"fail_at_batch": 2, "batch_size": 4}
    backend.load(ExperimentConfig(model="any", backend="standin", standin=options), clock)
    with pytest.raises(BackendError, match="out of memory"):
        measure_window(offline(backend, PROMPTS, clock), ONE_PASS, 0, log, Unmetered())
    assert len(log.requests) == 8
    assert [phase.complete for phase in log.phases] == [False]


def test_the_warmup_serves_as_many_requests_at_a_time_as_the_backend_computes_together() -> None:
    clock, sizes = VirtualClock(), []

    class Watched(StandInBackend):
        def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
            sizes.append(len(requests))
            super().run(requests, done)

    backend = Watched()
    backend.load(ExperimentConfig(model="any", backend="standin", standin={"batch_size": 4}), clock)
    with offline(backend, PROMPTS, clock).traffic(-1, lambda _record: None) as traffic:
        for _ in range(4):
            traffic.serve_part()
    assert sizes == [4, 4, 2, 4]
