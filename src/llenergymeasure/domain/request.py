"""Prompts as they are asked, and requests as they were served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length"]

WARMUP_REPEAT = -1
"""`RequestRecord.repeat` of warm-up requests, which belong to no window."""


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


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One request of one repeat, in tokens and Unix nanoseconds.

    `prompt_tokens` and `output_tokens` hold no padding and nothing after the first end-of-sequence token,
    which itself counts. `token_unix_ns` has one entry per output token: when the host knew it.
    """

    request_id: str
    repeat: int
    batch: int
    prompt_tokens: int
    output_tokens: int
    scheduled_unix_ns: int
    sent_unix_ns: int
    first_token_unix_ns: int | None
    end_unix_ns: int
    token_unix_ns: tuple[int, ...] = ()
    finish_reason: FinishReason = "length"
