"""A report that cannot be true ends the run at once, and nothing is recorded that `llem verify` would refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.backends.base import Chunk, Done, EncodedRequest, ScheduledRequest
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt, RequestRecord, ServerTimes
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.load.record_check import record_problem
from llenergymeasure.load.streaming import stream_request
from llenergymeasure.orchestration.verification.request_contradictions import request_contradictions
from llenergymeasure.testing import StandInBackend, VirtualClock
from llenergymeasure.testing.virtual_loop import VirtualLoop
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(4)]
S = 1_000_000_000
REQUEST = ScheduledRequest(
    request_id="r0.p0.p0",
    repeat=0,
    scheduled_unix_ns=100 * S,
    encoded=EncodedRequest(prompt=PROMPTS[0], index=0, prompt_tokens=10),
)
SOUND = RequestRecord(
    request_id="r0.p0.p0",
    repeat=0,
    prompt_tokens=10,
    output_tokens=3,
    scheduled_unix_ns=100 * S,
    sent_unix_ns=101 * S,
    first_token_unix_ns=102 * S,
    last_token_unix_ns=103 * S,
    closed_unix_ns=104 * S,
    chunk_unix_ns=(102 * S, 103 * S),
    chunk_tokens=(1, 2),
    finish_reason="length",
)
WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"output_tokens": -5}, "output_tokens is -5, no number of tokens"),
    ({"output_tokens": 2.5}, "output_tokens is 2.5, no number of tokens"),
    ({"output_tokens": None}, "output_tokens is None"),
    ({"output_tokens": "6"}, "output_tokens is '6'"),
    ({"output_tokens": True}, "output_tokens is True"),
    ({"output_tokens": 2**31}, "output_tokens is 2147483648"),
    ({"output_tokens": 6}, "its chunks have 3 tokens, and output_tokens is 6"),
    ({"output_tokens": 0}, "its chunks have 3 tokens, and output_tokens is 0"),
    ({"prompt_tokens": -1}, "prompt_tokens is -1"),
    ({"prompt_tokens": float("nan")}, "prompt_tokens is nan"),
    ({"cached_prompt_tokens": -1}, "cached_prompt_tokens is -1"),
    ({"batch": -2}, "batch is -2"),
    ({"batch": 0.5}, "batch is 0.5"),
    ({"chunk_tokens": (-1, 4)}, "chunk_tokens has -1 in it"),
    ({"chunk_tokens": (1.5, 1.5)}, "chunk_tokens has 1.5 in it"),
    ({"chunk_tokens": (None, 3)}, "chunk_tokens has None in it"),
    ({"chunk_unix_ns": (1.02e11, 103 * S)}, "chunk_unix_ns has 102000000000.0 in it"),
    ({"chunk_unix_ns": (103 * S, 102 * S)}, "chunk_unix_ns runs backwards"),
    ({"chunk_unix_ns": (102 * S, 105 * S)}, "chunk_unix_ns runs backwards, or lies outside"),
    ({"first_token_unix_ns": None}, "first_token_unix_ns and last_token_unix_ns are not those of"),
    ({"last_token_unix_ns": 103 * S + 1}, "first_token_unix_ns and last_token_unix_ns are not those of"),
    ({"closed_unix_ns": 104}, "closed_unix_ns is 103 s before last_token_unix_ns"),
    ({"closed_unix_ns": 107 * S}, "closed_unix_ns is 2 s in the future"),
    ({"closed_unix_ns": 104.0 * S}, "closed_unix_ns is 104000000000.0, no time in nanoseconds"),
    ({"closed_unix_ns": None}, "closed_unix_ns is None"),
    ({"sent_unix_ns": 99 * S}, "sent_unix_ns is 1 s before when it was handed over"),
    ({"status": "OK"}, "status is 'OK', no one of ok, error"),
    ({"finish_reason": "eos"}, "finish_reason is 'eos'"),
    ({"error_kind": 7}, "error_kind is 7"),
    ({"server": ServerTimes(queued_s=-1.0)}, "server.queued_s is -1.0, no time in seconds"),
    ({"server": "fast"}, "server is no ServerTimes"),
)


class Reports(StandInBackend):
    """Passes its reports through a function."""

    def __init__(self, change: Callable[[RequestRecord], Any]) -> None:
        super().__init__()
        self._change = change

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        super().run(requests, lambda record: done(self._change(record)))


def _served(backend: StandInBackend) -> RequestTable:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    backend.load(ExperimentConfig(model="any", backend="standin"), clock)
    try:
        measure_window(
            offline(backend, PROMPTS, clock), WindowPlan(min_duration_s=0, passes=1), 0, log, Unmetered()
        )
    finally:
        table = log.requests.table()
    return table


@pytest.mark.parametrize(("fields", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_report_that_cannot_be_is_told_in_words(fields: dict[str, Any], said: str) -> None:
    assert record_problem(SOUND, REQUEST, 105 * S) is None
    assert said in (record_problem(replace(SOUND, **fields), REQUEST, 105 * S) or "")


@pytest.mark.parametrize(
    "change",
    [
        lambda record: replace(record, output_tokens=-5),
        lambda record: replace(record, output_tokens=2.5),
        lambda record: replace(record, request_id="another"),
        lambda record: replace(record, request_id=["unhashable"]),
        lambda record: replace(record, closed_unix_ns=1),
        lambda _record: None,
        lambda _record: {"output_tokens": 3},
    ],
)
def test_the_first_report_ends_the_run_and_names_the_backend(change: Callable[[RequestRecord], Any]) -> None:
    with pytest.raises(BackendError, match=r"^backend 'standin' report[^\n]+$"):
        _served(Reports(change))


def test_nothing_is_raised_in_the_thread_that_reports() -> None:
    class FromAThread(Reports):
        raised: BaseException | None = None

        def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
            def engine() -> None:
                try:
                    Reports.run(self, requests, done)
                except BaseException as error:  # noqa: BLE001 - the claim is that there is none
                    self.raised = error

            thread = threading.Thread(target=engine)
            thread.start()
            thread.join()

    backend = FromAThread(lambda record: replace(record, output_tokens=-5))
    with pytest.raises(BackendError, match="output_tokens is -5"):
        _served(backend)
    assert backend.raised is None


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((3, 2, 4), "chunk_unix_ns runs backwards"),
        ((1e6, 2e6), "last_token_unix_ns"),
        ((-9, 1), "sent_unix_ns"),
    ],
)
def test_a_stream_whose_messages_lie_outside_the_request_ends_the_run(times: Any, said: str) -> None:
    clock = VirtualClock()

    class Streams:
        name = "streams"

        async def stream(self, request: ScheduledRequest) -> Any:
            clock.sleep(10.0)
            for at_s in times:
                yield Chunk(unix_ns=request.scheduled_unix_ns + int(at_s * 1e9), tokens=1)

    request = replace(REQUEST, scheduled_unix_ns=clock.now_ns())
    records: list[RequestRecord] = []
    loop = VirtualLoop(clock)
    with pytest.raises(
        BackendError, match=rf"backend 'streams' reports request r0\.p0\.p0 wrongly: .*{said}"
    ):
        loop.run(stream_request(Streams(), request, clock, records.append))  # type: ignore[arg-type]
    assert records == []


counts = st.one_of(st.none(), st.integers(-2, 4), st.sampled_from([2.5, "1", True]))
times = st.one_of(st.none(), st.integers(98, 106).map(lambda at_s: at_s * S))


@given(
    output_tokens=counts,
    prompt_tokens=counts,
    times_ns=st.tuples(times, times, times, times),
    chunks=st.lists(st.tuples(times.filter(bool), st.integers(-1, 2)), max_size=3),
)
def test_what_passes_is_what_verify_accepts(
    output_tokens: Any, prompt_tokens: Any, times_ns: tuple[Any, ...], chunks: list[tuple[Any, int]]
) -> None:
    sent, first, last, closed = times_ns
    record = replace(
        SOUND,
        output_tokens=output_tokens,
        prompt_tokens=prompt_tokens,
        sent_unix_ns=sent,
        first_token_unix_ns=first,
        last_token_unix_ns=last,
        closed_unix_ns=closed,
        chunk_unix_ns=tuple(time for time, _ in chunks),
        chunk_tokens=tuple(tokens for _, tokens in chunks),
    )
    if record_problem(record, REQUEST, 105 * S) is None:
        assert list(request_contradictions(RequestTable.from_records([record]), None)) == []
