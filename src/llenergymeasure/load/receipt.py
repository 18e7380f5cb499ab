"""What has come of one streamed request so far, and the record that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from llenergymeasure.backends.base import Chunk, ScheduledRequest
from llenergymeasure.domain.request import FinishReason, RequestRecord, ServerTimes, Status, TokensEstimated

T = TypeVar("T")


@dataclass
class Receipt:
    """The messages of one request; those without tokens move no time but that of the closing."""

    request: ScheduledRequest
    sent_unix_ns: int
    times: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    is_counted: bool = True
    first_answer_unix_ns: int | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    cached_prompt_tokens: int | None = None
    finish_reason: FinishReason | None = None
    server: ServerTimes | None = None

    def take(self, chunk: Chunk) -> None:
        """Add one message."""
        if chunk.tokens > 0:
            self.times.append(chunk.unix_ns)
            self.tokens.append(chunk.tokens)
            self.is_counted = self.is_counted and chunk.is_counted
            if chunk.is_answer and self.first_answer_unix_ns is None:
                self.first_answer_unix_ns = chunk.unix_ns
        self.output_tokens = _later(chunk.output_tokens, self.output_tokens)
        self.prompt_tokens = _later(chunk.prompt_tokens, self.prompt_tokens)
        self.cached_prompt_tokens = _later(chunk.cached_prompt_tokens, self.cached_prompt_tokens)
        self.finish_reason = _later(chunk.finish_reason, self.finish_reason)
        self.server = _later(chunk.server, self.server)

    def record(self, closed_unix_ns: int, status: Status, error_kind: str | None) -> RequestRecord:
        """Return the finished request, with the server's count of tokens where it states one."""
        tokens, estimated = chunk_tokens(self.tokens, self.output_tokens, is_counted=self.is_counted)
        filled = [time for time, count in zip(self.times, tokens, strict=True) if count]
        encoded = self.request.encoded
        return RequestRecord(
            request_id=self.request.request_id,
            repeat=self.request.repeat,
            status=status,
            error_kind=error_kind,
            prompt_tokens=encoded.prompt_tokens if self.prompt_tokens is None else self.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens,
            output_tokens=sum(tokens) or self.output_tokens or 0,
            scheduled_unix_ns=self.request.scheduled_unix_ns,
            sent_unix_ns=self.sent_unix_ns,
            first_token_unix_ns=filled[0] if filled else None,
            first_answer_unix_ns=_at_most(self.first_answer_unix_ns, filled),
            last_token_unix_ns=filled[-1] if filled else None,
            closed_unix_ns=closed_unix_ns,
            chunk_unix_ns=tuple(self.times),
            chunk_tokens=tuple(tokens),
            tokens_estimated=estimated,
            finish_reason=self.finish_reason,
            server=self.server,
        )


def chunk_tokens(
    counts: Sequence[int], total: int | None, *, is_counted: bool
) -> tuple[Sequence[int], TokensEstimated | None]:
    """Return the tokens of each message with some, and how they were estimated where the server does not count them.

    A stated `total` is the truth: where the messages have another sum, their times are kept and the tokens are spread
    evenly over them, the first one before the others. A total of 0 beside messages with tokens states nothing.
    """
    if not counts or total == sum(counts):
        return counts, None
    if not total:
        return counts, None if is_counted else "assumed"
    return _spread(total, len(counts)), "spread" if len(counts) > 1 else None


def _spread(total: int, chunks: int) -> list[int]:
    """Return `total` tokens over some chunks; where there are fewer tokens, the first and the last have one."""
    if total >= chunks:
        return [-(-total * (n + 1) // chunks) + (-total * n // chunks) for n in range(chunks)]
    filled = {round(n * (chunks - 1) / max(total - 1, 1)) for n in range(total)}
    return [int(n in filled) for n in range(chunks)]


def _at_most(time_ns: int | None, filled: Sequence[int]) -> int | None:
    return min(time_ns, filled[-1]) if time_ns is not None and filled else None


def _later(new: T | None, old: T | None) -> T | None:
    return old if new is None else new
