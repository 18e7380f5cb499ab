"""A stand-in backend that streams single requests, as a server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

from pydantic import Field

from llenergymeasure.backends.base import Chunk, RequestError, ScheduledRequest
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
    dies_after: int | None = Field(None, ge=0)
    """The server is gone after so many requests: every further one fails."""


STANDIN_STREAMING = Plugin(
    name="standin_streaming",
    target="llenergymeasure.testing.streaming:StreamingStandInBackend",
    options="llenergymeasure.testing.streaming:StreamingOptions",
    capabilities=frozenset({"keeps_no_prefixes"}),
)


class StreamingStandInBackend(StandIn[StreamingOptions]):
    """Streams made-up answers to any number of clients at a stated speed, which does not depend on their number."""

    name: ClassVar[str] = "standin_streaming"

    def __init__(self) -> None:
        super().__init__(StreamingOptions)
        self._requests = 0

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """The first message has a role alone; then messages of one and of several tokens take turns."""
        self._requests += 1
        if self._options.dies_after is not None and self._requests > self._options.dies_after:
            raise RequestError("ConnectionRefused")
        yield Chunk(unix_ns=self._clock.now_ns(), tokens=0)
        await asyncio.sleep(self._options.prefill_s)
        total = self._answer_tokens()
        for number, tokens in enumerate(_sizes(total, self._options.tokens_per_chunk)):
            if number == 1 and self._fails(request):
                raise RequestError("StandInFailure")
            if number > 0:
                await asyncio.sleep(tokens * self._options.token_s)
            yield Chunk(unix_ns=self._clock.now_ns(), tokens=tokens)
        yield Chunk(
            unix_ns=self._clock.now_ns(),
            tokens=0,
            finish_reason="length",
            output_tokens=total,
            cached_prompt_tokens=0,
            server=ServerTimes(prefill_s=self._options.prefill_s),
        )

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
