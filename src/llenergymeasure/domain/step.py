"""One iteration of an inference engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One iteration (forward pass) of an engine, in tokens and Unix nanoseconds.

    An iteration may mix the prefill of some requests with the decoding of others.
    """

    start_unix_ns: int
    end_unix_ns: int
    prefill_tokens: int
    """Prompt tokens that were processed, those of a prefix cache not among them."""
    decode_tokens: int
    """Output tokens that were generated after the first of their request."""
    requests: int
    """Requests that took part."""
    context_tokens: int
    """Tokens in the KV caches of these requests when the iteration ended, all requests together."""
    drafted_tokens: int | None = None
    """Tokens that speculative decoding proposed to this iteration; None without speculative decoding."""
    accepted_tokens: int | None = None
    """Of the tokens that were proposed, those that the model agreed to; None without speculative decoding."""
