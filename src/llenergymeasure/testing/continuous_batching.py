"""A stand-in backend that batches continuously, in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field

from llenergymeasure.backends.base import Done, ScheduledRequest
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing.stand_in import StandIn, TimedOptions


class ContinuousOptions(TimedOptions):
    """What the continuously batching stand-in does, under `standin_continuous:`."""

    slots: int = Field(4, ge=1)
    """Requests that are computed together at most."""
    prefill_token_s: float = Field(0.0, ge=0)
    """Time one prompt token adds to the step in which its request joins."""
    fail_every: int | None = Field(None, ge=1)
    """Each request whose place in the workload is a multiple of this fails after its first token."""


@dataclass(kw_only=True)
class _Running:
    """A request in a slot."""

    request: ScheduledRequest
    sent_unix_ns: int
    wanted: int
    times: list[int] = field(default_factory=list)


STANDIN_CONTINUOUS = Plugin(
    name="standin_continuous",
    target="llenergymeasure.testing.continuous_batching:ContinuousStandInBackend",
    options="llenergymeasure.testing.continuous_batching:ContinuousOptions",
    capabilities=frozenset({"keeps_no_prefixes"}),
)


class ContinuousStandInBackend(StandIn[ContinuousOptions]):
    """Requests join and leave at every step; answers differ in length, so they end in another order than they began."""

    name: ClassVar[str] = "standin_continuous"

    def __init__(self) -> None:
        super().__init__(ContinuousOptions)
        self._steps: list[StepRecord] = []

    def max_batch_size(self) -> int:
        return self._options.slots

    def steps(self) -> Sequence[StepRecord]:
        steps, self._steps = self._steps, []
        return steps

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        stop = threading.Event()
        failures: list[BaseException] = []
        engine = threading.Thread(
            target=self._engine, args=(deque(requests), done, stop, failures), name="standin-engine"
        )
        engine.start()
        try:
            engine.join()
        finally:
            stop.set()
            engine.join()
        if failures:
            raise failures[0]

    def _engine(
        self,
        waiting: deque[ScheduledRequest],
        done: Done,
        stop: threading.Event,
        failures: list[BaseException],
    ) -> None:
        running: list[_Running] = []
        try:
            while (waiting or running) and not stop.is_set():
                running = self._step(waiting, running, done)
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            failures.append(error)

    def _step(self, waiting: deque[ScheduledRequest], running: list[_Running], done: Done) -> list[_Running]:
        """Compute one iteration and return the requests that go on."""
        start = self._clock.now_ns()
        free = self._options.slots - len(running)
        joining = [self._admit(waiting.popleft()) for _ in range(min(free, len(waiting)))]
        prefill = sum(each.request.encoded.prompt_tokens for each in joining)
        self._clock.sleep(self._options.token_s + prefill * self._options.prefill_token_s)
        end = self._clock.now_ns()
        together = [*running, *joining]
        for each in together:
            each.times.append(end)
        self._steps.append(
            StepRecord(
                start_unix_ns=start,
                end_unix_ns=end,
                prefill_tokens=prefill,
                decode_tokens=len(running),
                requests=len(together),
                context_tokens=sum(
                    each.request.encoded.prompt_tokens + len(each.times) - 1 for each in together
                ),
            )
        )
        for each in together:
            if self._has_ended(each):
                done(self._record(each, end))
        return [each for each in together if not self._has_ended(each)]

    def _admit(self, request: ScheduledRequest) -> _Running:
        """Answers take turns in having full length and one, two or three tokens less."""
        shorter = request.encoded.index % 4
        wanted = max(self._answer_tokens() - shorter, 1)
        return _Running(request=request, sent_unix_ns=self._clock.now_ns(), wanted=wanted)

    def _fails(self, each: _Running) -> bool:
        every = self._options.fail_every
        return every is not None and each.request.encoded.index % every == 0

    def _has_ended(self, each: _Running) -> bool:
        return self._fails(each) or len(each.times) >= each.wanted

    def _record(self, each: _Running, closed_unix_ns: int) -> RequestRecord:
        fails = self._fails(each)
        return RequestRecord(
            request_id=each.request.request_id,
            repeat=each.request.repeat,
            status="error" if fails else "ok",
            error_kind="StandInFailure" if fails else None,
            prompt_tokens=each.request.encoded.prompt_tokens,
            cached_prompt_tokens=0,
            output_tokens=len(each.times),
            scheduled_unix_ns=each.request.scheduled_unix_ns,
            sent_unix_ns=each.sent_unix_ns,
            first_token_unix_ns=each.times[0],
            last_token_unix_ns=each.times[-1],
            closed_unix_ns=closed_unix_ns,
            chunk_unix_ns=tuple(each.times),
            chunk_tokens=(1,) * len(each.times),
            finish_reason=None if fails else "length",
        )
