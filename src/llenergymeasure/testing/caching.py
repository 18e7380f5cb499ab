"""A stand-in backend that keeps prefixes of prompts, as engines do by default."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from llenergymeasure.backends.base import Chunk, Done, EncodedRequest, ScheduledRequest
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing.stand_in import StandIn, TimedOptions


class CachingOptions(TimedOptions):
    """What the stand-in with a prefix cache does, under `standin_caching:`."""

    prefill_token_s: float = Field(0.0001, ge=0)
    """Time to compute one prompt token that is not in the cache."""
    block_tokens: int = Field(4, ge=1)
    """The cache holds whole blocks of so many tokens; the last token of a prompt is always computed."""
    keeps: bool = True
    """Whether prefixes are kept at all."""
    reset: Literal["works", "refuses", "lies"] = "works"
    """`refuses`: says that the cache was not emptied, as a server that answers `success: false`; `lies`: says that it
    was, and it was not."""
    tells_tokens: bool = True
    """Whether the ids of tokens are known outside of it; a server knows them alone."""
    tells_cached: bool = True
    """Whether cached tokens are reported."""


STANDIN_CACHING = Plugin(
    name="standin_caching",
    target="llenergymeasure.testing.caching:CachingStandInBackend",
    options="llenergymeasure.testing.caching:CachingOptions",
)


class CachingStandInBackend(StandIn[CachingOptions]):
    """Words are tokens; requests are served one after the other, or streamed side by side."""

    name: ClassVar[str] = "standin_caching"

    def __init__(self) -> None:
        super().__init__(CachingOptions)
        self._blocks: set[int] = set()

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        encoded = []
        for each in super().encode(prompts):
            ids = _ids(each.prompt)
            told = ids if self._options.tells_tokens else ()
            encoded.append(replace(each, token_ids=told, prompt_tokens=len(ids)))
        return encoded

    def keeps_prefixes(self) -> bool:
        return self._options.keeps

    def reset_prefix_cache(self) -> str | None:
        if self._options.reset == "refuses":
            return "the engine answers success: false"
        if self._options.reset == "works":
            self._blocks.clear()
        return None

    def max_batch_size(self) -> int:
        return 1

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        for request in requests:
            done(self._serve(request))

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        tokens, cached = self._look_up(request.encoded)
        await asyncio.sleep((tokens - cached) * self._options.prefill_token_s)
        total = self._answer_tokens()
        for number in range(total):
            await asyncio.sleep(self._options.token_s)
            is_last = number == total - 1
            yield Chunk(
                unix_ns=self._clock.now_ns(),
                tokens=1,
                finish_reason="length" if is_last else None,
                output_tokens=total if is_last else None,
                cached_prompt_tokens=cached if is_last and self._options.tells_cached else None,
            )

    def _serve(self, request: ScheduledRequest) -> RequestRecord:
        sent = self._clock.now_ns()
        tokens, cached = self._look_up(request.encoded)
        self._clock.sleep((tokens - cached) * self._options.prefill_token_s)
        times = []
        for _ in range(self._answer_tokens()):
            self._clock.sleep(self._options.token_s)
            times.append(self._clock.now_ns())
        return RequestRecord(
            request_id=request.request_id,
            repeat=request.repeat,
            prompt_tokens=tokens,
            cached_prompt_tokens=cached if self._options.tells_cached else None,
            output_tokens=len(times),
            scheduled_unix_ns=request.scheduled_unix_ns,
            sent_unix_ns=sent,
            first_token_unix_ns=times[0],
            last_token_unix_ns=times[-1],
            closed_unix_ns=times[-1],
            chunk_unix_ns=tuple(times),
            chunk_tokens=(1,) * len(times),
            finish_reason="length",
        )

    def _look_up(self, encoded: EncodedRequest) -> tuple[int, int]:
        """Return how many tokens a prompt has and how many of them are in the cache, where all of it is from now on."""
        ids = encoded.token_ids or _ids(encoded.prompt)
        size = self._options.block_tokens
        prefixes = [hash(ids[:end]) for end in range(size, len(ids), size)] if self._options.keeps else []
        cached = 0
        while cached < len(prefixes) and prefixes[cached] in self._blocks:
            cached += 1
        self._blocks.update(prefixes)
        return len(ids), cached * size


def _ids(prompt: Prompt) -> tuple[int, ...]:
    """Return a number for each word; a synthetic prompt has words of its own."""
    if prompt.n_tokens is not None:
        return tuple(zlib.crc32(f"{prompt.token_seed} {place}".encode()) for place in range(prompt.n_tokens))
    return tuple(zlib.crc32(word.encode()) for word in (prompt.text or "").split())
