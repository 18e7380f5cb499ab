"""The conformance check of a backend."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from llenergymeasure.backends.base import (
    Backend,
    Chunk,
    EncodedRequest,
    OfflineBackend,
    OnlineBackend,
    ScheduledRequest,
    serves_offline,
    serves_online,
)
from llenergymeasure.backends.returned import peaks_problem
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.load.record_check import record_problem
from llenergymeasure.testing.step_check import ServedTokens, check_steps


def check_backend(backend_class: type[Backend], config: ExperimentConfig, prompts: Sequence[Prompt]) -> None:
    """Run a backend through one life and check what the harness relies on; the configuration must make no request fail.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert backend_class.name, "a plugin has a name"
    refusals = backend_class().check(config)
    assert refusals == [], f"check() refuses the configuration it was given: {refusals}"
    backend: Backend = backend_class()
    assert serves_offline(backend) or serves_online(backend), "a backend has run() or stream()"
    clock = AnchoredClock()
    try:
        if config.device != "cpu":
            backend.attach(config, clock)
        info = backend.load(config, clock)
        stated = (info.n_parameters or 0) > 0 or "n_parameters" in info.unknown
        assert stated, "load() says how many parameters the model has, or in `unknown` why it cannot"
        workload = backend.encode(prompts)
        _check_encoded(workload, prompts)
        backend.reset_peak_memory()
        served, before = ServedTokens(), clock.now_ns()
        if serves_offline(backend):
            _check_offline(backend, workload, clock, served)
        if serves_online(backend):
            asyncio.run(_check_online(backend, workload, clock, served))
        check_steps(backend, served, before, clock.now_ns())
        _check_processes(backend)
        peaks = backend.peak_memory_bytes()
        assert peaks_problem(peaks) is None, f"peak_memory_bytes(): {peaks_problem(peaks)}"
        assert all(size > 0 for size in peaks.values()), "a peak is positive or left out"
    finally:
        backend.close()
    backend.close()


def _check_encoded(workload: Sequence[EncodedRequest], prompts: Sequence[Prompt]) -> None:
    assert [each.prompt for each in workload] == list(prompts), "encode() keeps every prompt, in order"
    assert [each.index for each in workload] == list(range(len(prompts))), (
        "index is the place in the workload"
    )
    for each in workload:
        assert each.prompt_tokens > 0, "every prompt has a token"
        assert len(each.token_ids) in (0, each.prompt_tokens), "prompt_tokens counts the token ids"


def _check_offline(
    backend: OfflineBackend, workload: Sequence[EncodedRequest], clock: Clock, served: ServedTokens
) -> None:
    """Two passes and a part of one, as a warm-up and two windows would ask for."""
    assert backend.max_batch_size() >= 1, "max_batch_size() is a number of requests"
    part = workload[: backend.max_batch_size()]
    for number, asked in enumerate((part, workload, workload)):
        records: list[RequestRecord] = []
        lock = threading.Lock()

        def done(
            record: RequestRecord, records: list[RequestRecord] = records, lock: threading.Lock = lock
        ) -> None:
            with lock:
                records.append(record)

        requests = _schedule(asked, number, clock)
        before = clock.now_ns()
        backend.run(requests, done)
        backend.synchronize()
        after = clock.now_ns()
        assert sorted(each.request_id for each in records) == sorted(each.request_id for each in requests), (
            "run() reports every request once, before it returns"
        )
        by_id = {request.request_id: request for request in requests}
        for record in records:
            _check_record(record, by_id[record.request_id], before, after)
        served.add_records(records)


def _schedule(workload: Sequence[EncodedRequest], repeat: int, clock: Clock) -> list[ScheduledRequest]:
    now = clock.now_ns()
    return [
        ScheduledRequest(
            request_id=f"{repeat}.{encoded.index}", repeat=repeat, scheduled_unix_ns=now, encoded=encoded
        )
        for encoded in workload
    ]


def _check_record(record: RequestRecord, request: ScheduledRequest, before_ns: int, after_ns: int) -> None:
    assert (record.status, record.error_kind) == ("ok", None), f"a request failed: {record.error_kind}"
    assert record.repeat == request.repeat, "repeat is that of the request"
    assert record.prompt_tokens == request.encoded.prompt_tokens, "prompt tokens are those of encode()"
    assert record.output_tokens >= 1, "every answer has a token"
    times = [record.sent_unix_ns, record.first_token_unix_ns, record.last_token_unix_ns]
    known = [time for time in times if time is not None]
    ordered = [before_ns, *known, record.closed_unix_ns, after_ns]
    assert ordered == sorted(ordered), (
        "sent, first token, last token and closed come in this order, on the clock"
    )
    assert (record.first_token_unix_ns is None) == (record.last_token_unix_ns is None), (
        "the times of the first and the last token are known together"
    )
    problem = record_problem(record, request, after_ns)
    assert problem is None, f"a report that a run refuses: {problem}"


async def _check_online(
    backend: OnlineBackend, workload: Sequence[EncodedRequest], clock: Clock, served: ServedTokens
) -> None:
    """All requests at once, twice."""
    for repeat in range(2):
        requests = _schedule(workload, repeat, clock)
        before = clock.now_ns()
        answers = await asyncio.gather(*(_collect(backend, request) for request in requests))
        for encoded, chunks in zip(workload, answers, strict=True):
            _check_stream(chunks, before, clock.now_ns())
            served.add_stream(encoded, chunks)


async def _collect(backend: OnlineBackend, request: ScheduledRequest) -> list[Chunk]:
    return [chunk async for chunk in backend.stream(request)]


def _check_stream(chunks: Sequence[Chunk], before_ns: int, after_ns: int) -> None:
    times = [before_ns, *(chunk.unix_ns for chunk in chunks), after_ns]
    assert times == sorted(times), "messages come in order, on the clock that load() was given"
    tokens = sum(chunk.tokens for chunk in chunks)
    assert tokens >= 1, "every answer has a token"
    counted = [chunk.output_tokens for chunk in chunks if chunk.output_tokens is not None]
    assert not counted or counted[-1] == tokens, "output_tokens is the sum of the messages' tokens"
    assert any(chunk.finish_reason for chunk in chunks), "a message says why the answer ended"


def _check_processes(backend: Backend) -> None:
    import psutil

    pids = backend.processes()
    assert pids, "processes() names the processes that compute"
    assert all(psutil.pid_exists(pid) for pid in pids), "processes() names processes that are running"
