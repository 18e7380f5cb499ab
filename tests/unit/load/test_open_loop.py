"""An open loop sends each request when it is due, whatever the server does, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest

from llenergymeasure.backends.base import Chunk, ScheduledRequest
from llenergymeasure.config.load import OpenLoad
from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.load.schedule_table import PlannedRequest
from llenergymeasure.domain.request import WARMUP_REPEAT, Prompt
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import ladder, measure_rungs
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan, forget
from llenergymeasure.orchestration.verification.request_contradictions import request_contradictions
from llenergymeasure.orchestration.verification.schedule_contradictions import schedule_contradictions
from llenergymeasure.testing import StreamingStandInBackend, VirtualClock
from tests.support.driving import timed

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(10)]
OPTIONS = {"token_s": 0.01, "prefill_s": 0.05, "output_tokens": 16}
"""An answer takes 50 + 15 x 10 = 200 ms."""
PROTOCOL = MeasurementConfig.model_validate(
    {
        "warmup": {"min_requests": 10, "min_duration_s": 2.0, "max_duration_s": None},
        "window": {"min_duration_s": 5.0},
        "repeats": {"min": 2, "max": 2},
    }
)


def _load(**settings: object) -> OpenLoad:
    return OpenLoad.model_validate({"kind": "open", "rate_per_s": 20.0, **settings})


class Run:
    """One load on the streaming stand-in, and what came of it."""

    def __init__(
        self,
        load: OpenLoad,
        backend: StreamingStandInBackend | None = None,
        prompts: list[Prompt] = PROMPTS,
        seed: int = 42,
        plan: Callable[[Sequence[PlannedRequest]], None] = forget,
        **options: object,
    ) -> None:
        self.clock = VirtualClock()
        self.log = Recorder(clock=self.clock)
        backend = backend or StreamingStandInBackend()
        settings = {**OPTIONS, **options}
        config = ExperimentConfig(model="any", backend="standin_streaming", standin_streaming=settings)
        backend.load(config, self.clock)

        def note(rows: Sequence[PlannedRequest]) -> None:
            plan(rows)
            self.log.schedule.append(rows)

        self.driver = timed(load, backend, prompts, self.clock, seed=seed, plan=note)
        self.rungs = ladder(load)

    def window(self, seconds: float, repeat: int = 0) -> RequestTable:
        measure_window(self.driver, WindowPlan(min_duration_s=seconds), repeat, self.log, Unmetered())
        return self.log.requests.table()

    def whole(self) -> RequestTable:
        """Warm up and measure all windows."""
        warm_up(self.driver, PROTOCOL, self.log, Unmetered(), self.rungs[0])
        measure_rungs(self.driver, self.rungs, PROTOCOL, self.log, Unmetered())
        self.driver.close()
        return self.log.requests.table()

    def findings(self) -> list[str]:
        """What `llem verify` would say of requests and schedule."""
        table, schedule = self.log.requests.table(), self.log.schedule.table()
        assert schedule is not None
        return [
            str(each)
            for each in (
                *request_contradictions(table, self.log.phases),
                *schedule_contradictions(schedule, len(schedule), table, is_whole=True),
            )
        ]


def test_every_request_is_sent_when_it_is_due_and_the_rate_is_as_asked() -> None:
    run = Run(_load(rate_per_s=20.0))
    table = run.whole()
    assert ((table.sent_unix_ns - table.scheduled_unix_ns) < 1000).all()
    for phase in run.log.phases[1:]:
        due = (table.scheduled_unix_ns >= phase.start_unix_ns) & (table.scheduled_unix_ns < phase.end_unix_ns)
        assert due.sum() == pytest.approx(100, abs=35)
        assert set(table.repeat[due]) == {phase.repeat}
    assert run.findings() == []


def test_warmup_is_handed_over_without_draining() -> None:
    run = Run(_load(rate_per_s=50.0, arrivals="constant"))
    table = run.whole()
    warmup, first, second = run.log.phases
    assert warmup.end_unix_ns == first.start_unix_ns
    for window in (first, second):
        in_flight = (table.sent_unix_ns < window.start_unix_ns) & (
            table.closed_unix_ns > window.start_unix_ns
        )
        assert in_flight.sum() == pytest.approx(10, abs=1)  # 50 a second, each for 0.2 s
    assert set(table.status) == {"ok"}


def test_each_repeat_draws_its_own_arrivals_and_a_seed_brings_them_again() -> None:
    tables = [Run(_load(), seed=seed).whole() for seed in (1, 1, 2)]
    first = [
        (each.scheduled_unix_ns - each.scheduled_unix_ns.min())[each.repeat == 0].tolist() for each in tables
    ]
    assert first[0] == first[1] != first[2]
    starts = [np.sort(tables[0].scheduled_unix_ns[tables[0].repeat == repeat]) for repeat in (0, 1)]
    assert not np.isin(np.diff(starts[0]), np.diff(starts[1])).any()


def test_a_server_that_stalls_shows_in_every_request_that_was_due_meanwhile() -> None:
    """No coordinated omission: latency counts from when a request was due."""
    run = Run(_load(rate_per_s=50.0, arrivals="constant"), stalls_at_s=10.0, stalls_for_s=2.0)
    loaded_ns = run.clock.now_ns()
    table = run.window(20.0)
    run.driver.drain()
    table = run.log.requests.table()
    due_s = (table.scheduled_unix_ns - loaded_ns) / 1e9
    ttft_s = (table.first_token_unix_ns - table.scheduled_unix_ns) / 1e9
    meanwhile = (due_s > 10.0) & (due_s < 12.0)
    assert meanwhile.sum() == pytest.approx(100, abs=1)
    assert ttft_s[meanwhile] == pytest.approx(12.0 - due_s[meanwhile] + 0.05)
    assert ttft_s[due_s > 12.0] == pytest.approx(0.05)


def test_what_is_due_beyond_the_limit_waits_in_the_client_and_its_waiting_counts() -> None:
    run = Run(_load(rate_per_s=30.0, arrivals="constant", max_in_flight=2))  # 10 a second are possible
    run.window(5.0)
    run.driver.drain()
    table = run.log.requests.table()
    sent = table.select(table.sent_unix_ns != UNKNOWN)
    for time_ns in sent.sent_unix_ns:
        assert ((sent.sent_unix_ns < time_ns) & (sent.closed_unix_ns > time_ns)).sum() <= 2
    waited_s = (sent.sent_unix_ns - sent.scheduled_unix_ns) / 1e9
    assert waited_s.max() > 2.0


def test_requests_in_flight_at_the_end_are_finished_and_recorded() -> None:
    run = Run(_load(rate_per_s=50.0))
    run.window(2.0)
    before = len(run.log.requests)
    run.driver.drain()
    table = run.log.requests.table()
    assert len(table) > before
    assert set(table.status) == {"ok"}
    assert run.driver.is_idle()
    assert run.findings() == []


def test_what_was_due_and_never_sent_is_recorded_as_such() -> None:
    class Hanging(StreamingStandInBackend):
        """Answers a few requests, and then none."""

        async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
            self._requests += 1
            if self._requests > 20:
                await asyncio.sleep(1e6)
            async for chunk in super().stream(request):
                yield chunk

    run = Run(_load(rate_per_s=20.0, max_in_flight=4), backend=Hanging())
    run.window(3.0)
    run.driver.drain()
    table = run.log.requests.table()
    lost = table.select(table.status == "cancelled")
    assert set(lost.error_kind) == {None, "NotSent"}
    assert (lost.sent_unix_ns[lost.error_kind == "NotSent"] == UNKNOWN).all()
    assert run.findings() == []


def test_a_schedule_without_a_request_that_was_due_is_found() -> None:
    run = Run(_load())
    table = run.whole()
    schedule = run.log.schedule.table()
    assert schedule is not None
    without = table.select(np.arange(len(table)) != 30)
    (finding,) = schedule_contradictions(schedule, len(schedule), without, is_whole=True)
    assert finding.message == "was due and is not among the requests"
    assert finding.field == table.request_id[30]


def test_every_request_was_planned_before_it_was_due() -> None:
    seen: list[tuple[int, PlannedRequest]] = []
    run = Run(
        _load(rate_per_s=40.0), plan=lambda rows: seen.extend((run.clock.now_ns(), row) for row in rows)
    )
    table = run.whole()
    due = dict(zip(table.request_id, table.scheduled_unix_ns, strict=True))
    assert all(planned_ns <= due[row.request_id] for planned_ns, row in seen if row.request_id in due)
    assert due.keys() <= {row.request_id for _, row in seen}


def test_a_server_that_dies_ends_the_run_in_time() -> None:
    run = Run(_load(rate_per_s=20.0), dies_after=60)
    start_ns = run.clock.now_ns()
    with pytest.raises(BackendError, match=r"no longer answers.*ConnectionRefused"):
        run.window(600.0)
    assert (run.clock.now_ns() - start_ns) / 1e9 < 10.0
    run.driver.close()
    table = run.log.requests.table()
    assert (table.status == "ok").sum() == 60


def test_requests_that_all_fail_end_the_run() -> None:
    run = Run(_load(), fail_every=1)
    with pytest.raises(BackendError, match="StandInFailure"):
        run.window(600.0)


def test_a_ladder_serves_each_rung_at_its_rate_with_its_repeats() -> None:
    run = Run(_load(rate_per_s=[5.0, 20.0, 60.0]))
    table = run.whole()
    windows = [phase for phase in run.log.phases if phase.name == "window"]
    assert [(phase.rung, phase.repeat) for phase in windows] == [
        (0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5),
    ]  # fmt: skip
    assert [phase.rung for phase in run.log.phases if phase.name == "warmup"] == [0, 1, 2]
    for rung, rate in enumerate((5.0, 20.0, 60.0)):
        count = sum(int((table.repeat == phase.repeat).sum()) for phase in windows if phase.rung == rung)
        assert count == pytest.approx(rate * 10.0, abs=4 * np.sqrt(rate * 10.0))
    assert run.findings() == []
    assert len(set(table.request_id)) == len(table)


def test_the_next_turn_of_a_session_is_sent_after_the_answer_and_some_thought() -> None:
    prompts = [
        Prompt(prompt_id=f"s{session}t{turn}", n_tokens=10, session=f"s{session}")
        for session in range(4)
        for turn in range(3)
    ]
    run = Run(_load(rate_per_s=2.0, think_time_s=0.5), prompts=prompts)
    table = run.whole()
    rows = {name: row for row, name in enumerate(table.request_id)}
    later = [name for name in rows if not name.endswith("t0")]
    assert later
    for name in later:
        before = rows[f"{name[:-1]}{int(name[-1]) - 1}"]
        assert table.scheduled_unix_ns[rows[name]] - table.closed_unix_ns[before] == pytest.approx(
            500_000_000, abs=2
        )
    assert run.findings() == []
    assert (table.repeat == WARMUP_REPEAT).any()


def test_the_rate_of_a_load_that_begins_rises_over_its_ramp() -> None:
    run = Run(_load(rate_per_s=40.0, arrivals="constant", ramp_s=4.0))
    start_ns = run.clock.now_ns()
    table = run.window(1.0)
    due_s = np.sort(table.scheduled_unix_ns - start_ns) / 1e9
    assert (due_s < 2.0).sum() == pytest.approx(20, abs=2)
    assert run.log.phases[0].start_unix_ns - start_ns >= 4_000_000_000
    run.driver.close()
