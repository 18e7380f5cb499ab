"""The record of a request from when its tokens came."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import ScheduledRequest
from llenergymeasure.domain.request import FinishReason, RequestRecord


def answered(
    request: ScheduledRequest,
    *,
    sent_unix_ns: int,
    token_unix_ns: Sequence[int],
    output_tokens: int,
    closed_unix_ns: int,
    finish_reason: FinishReason,
    cached_prompt_tokens: int | None = None,
) -> RequestRecord:
    """Return a request that was answered; without times of tokens where these are not one for each token."""
    times = tuple(token_unix_ns) if len(token_unix_ns) == output_tokens else ()
    return RequestRecord(
        request_id=request.request_id,
        repeat=request.repeat,
        prompt_tokens=request.encoded.prompt_tokens,
        cached_prompt_tokens=cached_prompt_tokens,
        output_tokens=output_tokens,
        scheduled_unix_ns=request.scheduled_unix_ns,
        sent_unix_ns=sent_unix_ns,
        first_token_unix_ns=times[0] if times else None,
        last_token_unix_ns=times[-1] if times else None,
        closed_unix_ns=closed_unix_ns,
        chunk_unix_ns=times,
        chunk_tokens=(1,) * len(times),
        finish_reason=finish_reason,
    )
