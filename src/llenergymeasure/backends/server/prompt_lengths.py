"""How many tokens the server counts in each prompt: asked before anything is measured, with answers of one token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.backends.server.failures import Refusal
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError

AT_ONCE = 8
TRIES, PAUSE_S = 3, 0.5
"""A server that is full, or breaks one connection, may answer the next time."""
Stream = Callable[[Prompt], AsyncIterator[Chunk]]


async def prompt_lengths(prompts: Sequence[Prompt], stream: Stream) -> list[int]:
    """Return the tokens of each prompt as the server states them (`usage`); equal prompts are asked for once.

    Raises:
        BackendError: the server does not answer a prompt, or states no usage.
    """
    first = {prompt.text: prompt for prompt in prompts}
    room = asyncio.Semaphore(AT_ONCE)

    async def length(prompt: Prompt) -> int:
        async with room:
            for _ in range(TRIES - 1):
                with suppress(RequestError):
                    return await _length(prompt, stream)
                await asyncio.sleep(PAUSE_S)
            return await _last_try(prompt, stream)

    tasks = [asyncio.create_task(length(prompt)) for prompt in first.values()]
    try:
        lengths = dict(zip(first, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
    return [lengths[prompt.text] for prompt in prompts]


async def _last_try(prompt: Prompt, stream: Stream) -> int:
    try:
        return await _length(prompt, stream)
    except RequestError as error:
        text = error.text if isinstance(error, Refusal) else ""
        raise BackendError(
            f"the server does not answer prompt {prompt.prompt_id}, sent before the measurement with a limit of one "
            f"token ({error.kind}{text}) → repair the request, or the server, until it answers one"
        ) from None


async def _length(prompt: Prompt, stream: Stream) -> int:
    found: int | None = None
    async for chunk in stream(prompt):
        found = found if chunk.prompt_tokens is None else chunk.prompt_tokens
    if not found:
        raise BackendError(
            "the server states no usage in its streams, so neither the tokens of a prompt nor those of an answer are "
            "known → use a version of it that supports stream_options: {include_usage: true}"
        )
    return found


def check_lengths(
    config: ExperimentConfig, prompts: Sequence[Prompt], lengths: Sequence[int], room: int | None
) -> None:
    """Check that the prompts fit what the workload and the server allow; a server reads prompts whole.

    Raises:
        BackendError: one does not, with what to set.
    """
    workload = config.workload
    longest, prompt = max(zip(lengths, prompts, strict=True), key=lambda pair: pair[0])
    if longest > workload.max_input_tokens:
        raise BackendError(
            f"prompt {prompt.prompt_id} has {longest} tokens, more than workload.max_input_tokens "
            f"({workload.max_input_tokens}), and a server reads prompts whole → set workload.max_input_tokens: "
            f"{longest}, or use shorter prompts"
        )
    if room is not None and longest + workload.max_output_tokens > room:
        raise BackendError(
            f"prompt {prompt.prompt_id} has {longest} tokens, and with workload.max_output_tokens "
            f"{workload.max_output_tokens} more than the {room} that the server takes → set "
            f"workload.max_output_tokens: {max(room - longest, 1)}, or use shorter prompts"
        )
