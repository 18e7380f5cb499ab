"""A stand-in backend that serves static batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from pydantic import Field

from llenergymeasure.backends.base import Done, ScheduledRequest
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.exceptions import BackendError
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing.stand_in import StandIn, TimedOptions


class StandInOptions(TimedOptions):
    """What the stand-in does, under `standin:`."""

    batch_size: int = Field(4, ge=1)
    """Requests that are generated together."""
    drift: float = 0.0
    """Each batch takes this fraction longer than the one before."""
    fail_at_batch: int | None = None
    """Run out of memory at this batch, counted over the whole run from 0."""


STANDIN = Plugin(
    name="standin",
    target="llenergymeasure.testing.static_batches:StandInBackend",
    options="llenergymeasure.testing.static_batches:StandInOptions",
    capabilities=frozenset({"keeps_no_prefixes"}),
)


class StandInBackend(StandIn[StandInOptions]):
    """Serves made-up tokens at a stated speed, batch by batch: it needs nothing, and its costs are known."""

    name: ClassVar[str] = "standin"

    def __init__(self) -> None:
        super().__init__(StandInOptions)
        self._served = 0
        self._steps: list[StepRecord] = []

    def steps(self) -> Sequence[StepRecord]:
        steps, self._steps = self._steps, []
        return steps

    def max_batch_size(self) -> int:
        return self._options.batch_size

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        size = self._options.batch_size
        for start in range(0, len(requests), size):
            for record in self._serve(requests[start : start + size]):
                done(record)

    def close(self) -> None:
        self._served = 0

    def _serve(self, batch: Sequence[ScheduledRequest]) -> list[RequestRecord]:
        if self._served == self._options.fail_at_batch:
            raise BackendError("out of memory in the stand-in: lower standin.batch_size")
        sent = self._clock.now_ns()
        times = self._decode()
        self._served += 1
        self._steps += _steps(batch, (sent, *times))
        return [
            RequestRecord(
                request_id=request.request_id,
                repeat=request.repeat,
                prompt_tokens=request.encoded.prompt_tokens,
                output_tokens=len(times),
                scheduled_unix_ns=request.scheduled_unix_ns,
                sent_unix_ns=sent,
                first_token_unix_ns=times[0],
                last_token_unix_ns=times[-1],
                closed_unix_ns=times[-1],
                chunk_unix_ns=times,
                chunk_tokens=(1,) * len(times),
                finish_reason="length",
                batch=request.encoded.index // self._options.batch_size,
            )
            for request in batch
        ]

    def _decode(self) -> tuple[int, ...]:
        """Return when the tokens of a batch came, one after each step."""
        step_s = self._options.token_s * (1 + self._options.drift) ** self._served
        times = []
        for _ in range(self._answer_tokens()):
            self._clock.sleep(step_s)
            times.append(self._clock.now_ns())
        return tuple(times)


def _steps(batch: Sequence[ScheduledRequest], edges: Sequence[int]) -> Iterator[StepRecord]:
    """Yield the prefill of a batch, then one step for each further token of its answers."""
    prompt_tokens = sum(request.encoded.prompt_tokens for request in batch)
    for number, (start, end) in enumerate(pairwise(edges)):
        yield StepRecord(
            start_unix_ns=start,
            end_unix_ns=end,
            prefill_tokens=prompt_tokens if number == 0 else 0,
            decode_tokens=len(batch) if number else 0,
            requests=len(batch),
            context_tokens=prompt_tokens + number * len(batch),
        )
