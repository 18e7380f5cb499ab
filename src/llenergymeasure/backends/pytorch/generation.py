"""One static batch through `generate`, and which of its output tokens count."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.backends.pytorch.speculation.drafts import DraftWatch
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FinishReason, RequestRecord


@dataclass(frozen=True, kw_only=True)
class StaticBatch:
    """Requests that go through the model together."""

    index: int
    """Place among the batches of the workload, from 0."""
    requests: tuple[EncodedRequest, ...]
    inputs: dict[str, Any]
    """int64 tensors of shape (batch, length) on the device: `input_ids` and `attention_mask`, padded on the left."""

    @property
    def prompt_tokens(self) -> tuple[int, ...]:
        return tuple(request.prompt_tokens for request in self.requests)


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The answer to one request of a batch."""

    request: EncodedRequest
    output_ids: tuple[int, ...]
    """Without what follows the first end-of-sequence token, which itself counts."""
    sent_unix_ns: int
    closed_unix_ns: int
    chunk_unix_ns: tuple[int, ...]
    """When the tokens were on the host; empty where that is not known."""
    chunk_tokens: tuple[int, ...]
    finish_reason: FinishReason
    drafted_tokens: tuple[int, ...] = ()
    """Tokens that speculation proposed to the forward pass of each chunk; empty without speculation."""


class TokenTimes:
    """A streamer that records when the tokens of each step were on the host.

    transformers hands a streamer every step's tokens as a copy on the host: a few bytes, at a point where it waits for
    the device anyway to see whether all sequences have ended. So on a GPU, too, a time says when the token could have
    been sent to a user. Tokens that speculation accepts together come together, as one chunk.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prompt_seen = False
        self.unix_ns: list[int] = []
        self.tokens: list[int] = []

    def put(self, tokens: Any) -> None:
        """Take the prompt first, then (batch,) tokens of one step, or (1, n) that were accepted together."""
        if self._prompt_seen:
            self.unix_ns.append(self._clock.now_ns())
            self.tokens.append(tokens.shape[-1] if tokens.ndim > 1 else 1)
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is held back."""

    def of_first(self, tokens: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return times and sizes of the chunks of an answer's first `tokens` tokens; empty where they are not known."""
        sizes: list[int] = []
        for size in self.tokens:
            if tokens == 0:
                break
            sizes.append(min(size, tokens))
            tokens -= sizes[-1]
        return (tuple(self.unix_ns[: len(sizes)]), tuple(sizes)) if tokens == 0 else ((), ())


def generate_batch(
    model: Any,
    batch: StaticBatch,
    settings: Any,
    clock: Clock,
    drafts: DraftWatch | None = None,
    assistant: Any = None,
) -> list[Generation]:
    """Serve one batch; its requests are sent together and returned together, in their order.

    Beam search decides on its tokens only at the end, so their times are not known. `drafts` watches the model where
    one request is generated with speculation, where an `assistant` may propose the tokens.
    """
    times = TokenTimes(clock)
    streamer = times if settings.num_beams == 1 else None
    width = batch.inputs["input_ids"].shape[1]
    if drafts is not None:
        drafts.begin()
    sent = clock.now_ns()
    proposing = {} if assistant is None else {"assistant_model": assistant}
    sequences = model.generate(**batch.inputs, generation_config=settings, streamer=streamer, **proposing)
    outputs: list[list[int]] = sequences[:, width:].tolist()
    closed = clock.now_ns()
    ends = frozenset(settings.eos_token_id or ())
    generations = []
    for request, output in zip(batch.requests, outputs, strict=True):
        kept = keep_until_end(output, ends)
        chunk_unix_ns, chunk_tokens = times.of_first(len(kept))
        generations.append(
            Generation(
                request=request,
                output_ids=kept,
                sent_unix_ns=sent,
                closed_unix_ns=closed,
                chunk_unix_ns=chunk_unix_ns,
                chunk_tokens=chunk_tokens,
                finish_reason="stop" if kept and kept[-1] in ends else "length",
                drafted_tokens=() if drafts is None else drafts.drafted(width, len(chunk_tokens)),
            )
        )
    return generations


def keep_until_end(output: Sequence[int], ends: Collection[int]) -> tuple[int, ...]:
    """Return the tokens up to the first end-of-sequence token, which counts; what follows it is padding."""
    for position, token in enumerate(output):
        if token in ends:
            return tuple(output[: position + 1])
    return tuple(output)


def as_record(scheduled: ScheduledRequest, generation: Generation, batch_index: int) -> RequestRecord:
    """Return one answer as the request that it ends."""
    times = generation.chunk_unix_ns
    return RequestRecord(
        request_id=scheduled.request_id,
        repeat=scheduled.repeat,
        prompt_tokens=generation.request.prompt_tokens,
        cached_prompt_tokens=0,  # `generate` begins each batch with an empty cache
        output_tokens=len(generation.output_ids),
        scheduled_unix_ns=scheduled.scheduled_unix_ns,
        sent_unix_ns=generation.sent_unix_ns,
        first_token_unix_ns=times[0] if times else None,
        last_token_unix_ns=times[-1] if times else None,
        closed_unix_ns=generation.closed_unix_ns,
        chunk_unix_ns=times,
        chunk_tokens=generation.chunk_tokens,
        finish_reason=generation.finish_reason,
        batch=batch_index,
    )
