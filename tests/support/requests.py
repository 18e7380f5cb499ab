"""Requests made by hand, in seconds of a made-up run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llenergymeasure.domain.request import RequestRecord

START_NS = 1_700_000_000_000_000_000


def unix_ns(seconds: float) -> int:
    """Return a moment of the run as Unix time."""
    return START_NS + round(seconds * 1e9)


def request(
    request_id: str = "r", *, scheduled_s: float = 0.0, token_s: Sequence[float] = (), **fields: Any
) -> RequestRecord:
    """Return a request with a chunk of one token at each of `token_s`, closed with the last one."""
    times = tuple(unix_ns(each) for each in token_s)
    known: dict[str, Any] = {
        "request_id": request_id,
        "repeat": 0,
        "prompt_tokens": 10,
        "output_tokens": len(times),
        "scheduled_unix_ns": unix_ns(scheduled_s),
        "sent_unix_ns": unix_ns(scheduled_s),
        "first_token_unix_ns": times[0] if times else None,
        "last_token_unix_ns": times[-1] if times else None,
        "closed_unix_ns": times[-1] if times else unix_ns(scheduled_s),
        "chunk_unix_ns": times,
        "chunk_tokens": (1,) * len(times),
        "finish_reason": "length",
    }
    return RequestRecord(**{**known, **fields})
