"""One batch through `generate`, and what of its output counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from llenergymeasure.backends.base import Generation, PreparedBatch
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FinishReason


class TokenTimes:
    """A streamer that notes when the tokens of each step were on the host.

    transformers hands a streamer every step's tokens as a copy on the host: a few bytes, at a point where it waits for
    the device anyway to see whether all sequences have ended. So on a GPU, too, a time says when the token could have
    been sent to a user. Tokens that speculation accepts together come together.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prompt_seen = False
        self.unix_ns: list[int] = []

    def put(self, tokens: Any) -> None:
        """Take the prompt first, then (batch,) tokens of one step, or (1, n) that were accepted together."""
        now = self._clock.now_ns()
        if self._prompt_seen:
            self.unix_ns.extend([now] * (tokens.shape[-1] if tokens.ndim > 1 else 1))
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is held back."""


def generate_batch(model: Any, batch: PreparedBatch, settings: Any, clock: Clock) -> list[Generation]:
    """Serve one batch; its requests are sent together and come back together.

    Beam search decides on its tokens only at the end, so their times are not known.
    """
    times = TokenTimes(clock)
    streamer = times if settings.num_beams == 1 else None
    width = batch.inputs["input_ids"].shape[1]
    sent = clock.now_ns()
    sequences = model.generate(**batch.inputs, generation_config=settings, streamer=streamer)
    outputs: list[list[int]] = sequences[:, width:].tolist()
    end = clock.now_ns()
    ends = frozenset(settings.eos_token_id or ())
    return [
        _generation(prompt_id, n_prompt, keep_until_end(output, ends), ends, sent, end, times.unix_ns)
        for prompt_id, n_prompt, output in zip(batch.prompt_ids, batch.prompt_tokens, outputs, strict=True)
    ]


def keep_until_end(output: Sequence[int], ends: Collection[int]) -> tuple[int, ...]:
    """Return the tokens up to the first end-of-sequence token, which counts; what follows it is padding."""
    for position, token in enumerate(output):
        if token in ends:
            return tuple(output[: position + 1])
    return tuple(output)


def _generation(
    prompt_id: str,
    n_prompt: int,
    output: tuple[int, ...],
    ends: Collection[int],
    sent: int,
    end: int,
    step_unix_ns: Sequence[int],
) -> Generation:
    known = len(step_unix_ns) >= len(output) > 0
    reason: FinishReason = "stop" if output and output[-1] in ends else "length"
    return Generation(
        prompt_id=prompt_id,
        prompt_tokens=n_prompt,
        output_tokens=len(output),
        sent_unix_ns=sent,
        first_token_unix_ns=step_unix_ns[0] if known else None,
        end_unix_ns=end,
        token_unix_ns=tuple(step_unix_ns[: len(output)]) if known else (),
        finish_reason=reason,
        output_ids=output,
    )
