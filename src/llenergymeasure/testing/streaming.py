"""A stand-in backend that streams single requests, as a server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

from pydantic import Field

from llenergymeasure.backends.base import Chunk, RequestError, ScheduledRequest
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request import ServerTimes
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing.stand_in import StandIn, TimedOptions


class StreamingOptions(TimedOptions):
    """What the streaming stand-in does, under `standin_streaming:`."""

    prefill_s: float = Field(0.002, ge=0)
    """Time from sending a request to its first token."""
    tokens_per_chunk: int = Field(2, ge=1)
    """Tokens of every second message; those between carry one."""
    fail_every: int | None = Field(None, ge=1)
    """Each request whose place in the workload is a multiple of this fails after its first message with a token."""
    stalls_at_s: float | None = Field(None, ge=0)
    """The server stops so long after it was loaded: nothing is sent, begun or ended until `stalls_for_s` later."""
    stalls_for_s: float = Field(2.0, ge=0)
    """How long it stops."""
    dies_after: int | None = Field(None, ge=0)
    """The server is gone after so many requests: every further one fails."""


STANDIN_STREAMING = Plugin(
    name="standin_streaming",
    target="llenergymeasure.testing.streaming:StreamingStandInBackend",
    options="llenergymeasure.testing.streaming:StreamingOptions",
    capabilities=frozenset({"keeps_no_prefixes", "limits_each_answer"}),
)


class StreamingStandInBackend(StandIn[StreamingOptions]):
    """Streams made-up answers to any number of clients at a stated speed, which does not depend on their number."""

    name: ClassVar[str] = "standin_streaming"

    def __init__(self) -> None:
        super().__init__(StreamingOptions)
        self._requests = 0
        self._loaded_ns = 0

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        self._loaded_ns = clock.now_ns()
        return super().load(config, clock)

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """The first message has a role alone; then messages of one and of several tokens take turns."""
        self._requests += 1
        if self._options.dies_after is not None and self._requests > self._options.dies_after:
            raise RequestError("ConnectionRefused")
        yield Chunk(unix_ns=self._clock.now_ns(), tokens=0)
        await self._work(self._options.prefill_s)
        total = self._answer_tokens(request)
        for number, tokens in enumerate(_sizes(total, self._options.tokens_per_chunk)):
            if number == 1 and self._fails(request):
                raise RequestError("StandInFailure")
            if number > 0:
                await self._work(tokens * self._options.token_s)
            yield Chunk(unix_ns=self._clock.now_ns(), tokens=tokens)
        yield Chunk(
            unix_ns=self._clock.now_ns(),
            tokens=0,
            finish_reason="length",
            output_tokens=total,
            cached_prompt_tokens=0,
            server=ServerTimes(prefill_s=self._options.prefill_s),
        )

    async def _work(self, seconds: float) -> None:
        """Let the time of some work pass, and the stall as well where the work falls into it."""
        if self._options.stalls_at_s is not None:
            start_s = (self._clock.now_ns() - self._loaded_ns) / 1e9
            stall_s = self._options.stalls_at_s
            if start_s < stall_s + self._options.stalls_for_s and start_s + seconds > stall_s:
                seconds += self._options.stalls_for_s - max(start_s - stall_s, 0.0)
        await asyncio.sleep(seconds)

    def _fails(self, request: ScheduledRequest) -> bool:
        every = self._options.fail_every
        return every is not None and request.encoded.index % every == 0


def _sizes(total: int, several: int) -> list[int]:
    """Return the tokens of each message: one, several, one, several... until all are sent."""
    sizes: list[int] = []
    while total > 0:
        size = min(several if len(sizes) % 2 else 1, total)
        sizes.append(size)
        total -= size
    return sizes
