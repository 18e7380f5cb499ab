"""What a backend may report of a request: what `llem verify` would refuse is refused before it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, get_args

from llenergymeasure.backends.base import ScheduledRequest
from llenergymeasure.backends.returned import LATEST_NS, MOST_TOKENS, is_count, server_times_problem
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FinishReason, RequestRecord, Status, TokensEstimated
from llenergymeasure.exceptions import BackendError

REMEDY = "report it to the authors of the backend, or set another backend"
MOST_AHEAD_NS = 1_000_000_000
"""Of the clock that `load` was given; a clock of the backend's own may be ahead of it by less."""
CLOCK = "all times are those of the clock that load() was given"
TOKENS = ("prompt_tokens", "output_tokens")
OPTIONAL_COUNTS = ("cached_prompt_tokens", "batch")
TIMES = (
    "sent_unix_ns",
    "first_token_unix_ns",
    "first_answer_unix_ns",
    "last_token_unix_ns",
    "closed_unix_ns",
)
"""Each no earlier than those before it."""


def refused_record(
    backend: str, record: RequestRecord, request: ScheduledRequest, clock: Clock
) -> BackendError | None:
    """Return the error where a backend reports what cannot be of a request that it was given."""
    problem = record_problem(record, request, clock.now_ns())
    if problem is None:
        return None
    return BackendError(
        f"backend '{backend}' reports request {request.request_id} wrongly: {problem} → {REMEDY}"
    )


def record_problem(record: RequestRecord, request: ScheduledRequest, now_ns: int) -> str | None:
    """Return in words what of a report cannot be; None where all of it can."""
    return (
        _strange_value(record)
        or _strange_chunks(record)
        or _disorder(record, request.scheduled_unix_ns, now_ns)
        or _contradiction(record)
    )


def _strange_value(record: RequestRecord) -> str | None:
    for name in TOKENS:
        if not is_count(getattr(record, name)):
            return _is_no(record, name, "number of tokens")
    for name in OPTIONAL_COUNTS:
        if getattr(record, name) is not None and not is_count(getattr(record, name)):
            return _is_no(record, name, "number from 0 on, or None")
    for name in TIMES:
        may_be_unknown = name != "closed_unix_ns" and getattr(record, name) is None
        if not may_be_unknown and not is_count(getattr(record, name), LATEST_NS):
            return _is_no(record, name, "time in nanoseconds")
    if record.status not in get_args(Status):
        return _is_no(record, "status", f"one of {', '.join(get_args(Status))}")
    if record.finish_reason is not None and record.finish_reason not in get_args(FinishReason):
        return _is_no(record, "finish_reason", f"one of {', '.join(get_args(FinishReason))}, or None")
    if record.tokens_estimated is not None and record.tokens_estimated not in get_args(TokensEstimated):
        return _is_no(record, "tokens_estimated", f"one of {', '.join(get_args(TokensEstimated))}, or None")
    if type(record.error_kind) not in (str, type(None)):
        return _is_no(record, "error_kind", "text, or None")
    return None if record.server is None else server_times_problem(record.server)


def _strange_chunks(record: RequestRecord) -> str | None:
    for name, most in (("chunk_unix_ns", LATEST_NS), ("chunk_tokens", MOST_TOKENS)):
        values: Sequence[Any] = getattr(record, name)
        strange = next((each for each in values if not is_count(each, most)), None)
        if strange is not None or None in values:
            return f"{name} has {strange!r} in it, and takes Python integers from 0 on"
    return None


def _disorder(record: RequestRecord, scheduled_unix_ns: int, now_ns: int) -> str | None:
    known = [("when it was handed over", scheduled_unix_ns)]
    known += [(name, time) for name in TIMES if (time := getattr(record, name)) is not None]
    for (before, before_ns), (after, after_ns) in pairwise(known):
        if after_ns < before_ns:
            return f"{after} is {(before_ns - after_ns) / 1e9:.3g} s before {before}; {CLOCK}"
    if record.closed_unix_ns > now_ns + MOST_AHEAD_NS:
        return f"closed_unix_ns is {(record.closed_unix_ns - now_ns) / 1e9:.3g} s in the future; {CLOCK}"
    start_ns = scheduled_unix_ns if record.sent_unix_ns is None else record.sent_unix_ns
    times = [start_ns, *record.chunk_unix_ns, record.closed_unix_ns]
    if any(after < before for before, after in pairwise(times)):
        return "chunk_unix_ns runs backwards, or lies outside the times of the request"
    return None


def _contradiction(record: RequestRecord) -> str | None:
    """Return where tokens and times differ from those of the chunks."""
    if not len(record.chunk_tokens):
        return None
    total = sum(record.chunk_tokens)
    if total != record.output_tokens:
        return f"its chunks have {total} tokens, and output_tokens is {record.output_tokens}"
    filled = [time for time, tokens in zip(record.chunk_unix_ns, record.chunk_tokens, strict=True) if tokens]
    if filled and (filled[0], filled[-1]) != (record.first_token_unix_ns, record.last_token_unix_ns):
        return (
            "first_token_unix_ns and last_token_unix_ns are not those of the first and last chunk with tokens"
        )
    return None


def _is_no(record: RequestRecord, name: str, wanted: str) -> str:
    return f"{name} is {getattr(record, name)!r}, no {wanted}"
