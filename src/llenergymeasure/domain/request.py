"""Prompts as a workload gives them, and requests as they were served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length"]
Status = Literal["ok", "error", "timeout", "cancelled", "rejected"]
"""`rejected`: refused before anything was computed, for example by a full queue."""

TokensEstimated = Literal["spread", "assumed"]
"""How the tokens of chunks were found that a server does not count: `spread`, the stated sum evenly over the chunks;
`assumed`, one a chunk, as no sum is stated either."""

WARMUP_REPEAT = -1
"""`RequestRecord.repeat` of warm-up requests, which belong to no window."""
FILL_REPEAT = -2
"""The same of requests that fill the prefix cache before the warm-up."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One prompt of a workload: either text, or token ids where the workload asks for exact lengths.

    `token_seed` and `n_tokens` describe a synthetic prompt: the backend, which knows the vocabulary, draws
    `n_tokens` ordinary tokens from that seed.
    """

    prompt_id: str
    text: str | None = None
    n_tokens: int | None = None
    token_seed: int | None = None
    max_output_tokens: int | None = None
    """Maximum length of this answer; None: `workload.max_output_tokens`."""
    session: str | None = None
    """The conversation of which it is a turn; its turns stand in the workload in their order."""


@dataclass(frozen=True, kw_only=True)
class ServerTimes:
    """Durations of one request as the server reports them, in seconds; None where it does not."""

    queued_s: float | None = None
    prefill_s: float | None = None
    decode_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One finished request, in tokens and Unix nanoseconds, as a backend or a load driver reports it.

    `prompt_tokens` and `output_tokens` hold no padding and nothing after the first end-of-sequence token, which itself
    counts. `repeat` is the window in which the request was scheduled; to which window its tokens belong is decided by
    their times. `chunk_unix_ns` has the time at which each chunk of the answer was on the host, `chunk_tokens` how many
    output tokens it carried (0 for a chunk with a role only); both are empty where token times are not known. Tokens
    that arrive together, as accepted by speculative decoding, are one chunk. The first token is in the first chunk with
    at least one token, the last token in the last one; `closed_unix_ns` is when the request was returned.

    Raises:
        ValueError: `chunk_unix_ns` and `chunk_tokens` differ in length.
    """

    request_id: str
    repeat: int
    status: Status = "ok"
    error_kind: str | None = None
    """Why the request failed, in one word or two, such as the class of the error."""
    prompt_tokens: int
    cached_prompt_tokens: int | None = None
    """Prompt tokens that came from a prefix cache; None where the backend does not report them."""
    output_tokens: int
    scheduled_unix_ns: int
    sent_unix_ns: int | None = None
    first_token_unix_ns: int | None = None
    first_answer_unix_ns: int | None = None
    """When the first token of the visible answer came, after the reasoning; None where the backend does not tell."""
    last_token_unix_ns: int | None = None
    closed_unix_ns: int
    chunk_unix_ns: Sequence[int] = ()
    chunk_tokens: Sequence[int] = ()
    tokens_estimated: TokensEstimated | None = None
    """How `chunk_tokens` were estimated; None where they were counted."""
    finish_reason: FinishReason | None = None
    server: ServerTimes | None = None
    batch: int | None = None
    """Number of the batch, for backends that serve requests in static batches."""

    def __post_init__(self) -> None:
        if len(self.chunk_unix_ns) != len(self.chunk_tokens):
            raise ValueError(
                f"request {self.request_id}: {len(self.chunk_unix_ns)} times of chunks, "
                f"but {len(self.chunk_tokens)} counts of their tokens"
            )
