"""From the outputs of vLLM to the messages of a stream."""

from __future__ import annotations

from typing import Any, get_args

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.domain.request import FinishReason, ServerTimes


def as_chunk(output: Any, unix_ns: int, tokens_before: int) -> Chunk:
    """Return one output of a request as a message; `tokens_before` are those of the outputs before it.

    Raises:
        RequestError: vLLM gave the request up.
    """
    (answer,) = output.outputs
    tokens = len(answer.token_ids)
    if not output.finished:
        return Chunk(unix_ns=unix_ns, tokens=tokens)
    if answer.finish_reason not in get_args(FinishReason):
        raise RequestError(f"finish reason {answer.finish_reason}")
    return Chunk(
        unix_ns=unix_ns,
        tokens=tokens,
        finish_reason=answer.finish_reason,
        output_tokens=tokens_before + tokens,
        cached_prompt_tokens=output.num_cached_tokens,
        server=server_times(output.metrics),
    )


def server_times(stats: Any) -> ServerTimes | None:
    """Return how long a request waited, was read and was answered, by the engine's own clock.

    Of `RequestStateStats`, arrival is wall-clock time of another process; the others are monotonic.
    """
    if stats is None:
        return None
    queued, scheduled, first, last = (
        getattr(stats, name, 0.0) for name in ("queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")
    )
    return ServerTimes(
        queued_s=_between(queued, scheduled),
        prefill_s=_between(scheduled, first),
        decode_s=_between(first, last),
    )


def _between(start: float, end: float) -> float | None:
    """Return a duration; a time of 0 was never taken."""
    return end - start if start > 0 and end >= start else None
