"""Requests through a streaming backend, and what is recorded of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar

from llenergymeasure.backends.base import Chunk, Done, OnlineBackend, RequestError, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FinishReason, RequestRecord, ServerTimes, Status
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.load.record_check import refused_record

T = TypeVar("T")


async def stream_request(
    backend: OnlineBackend, request: ScheduledRequest, clock: Clock, done: Done
) -> Status:
    """Send one request, read its stream to the end, report it and return its status.

    A request that fails keeps what came before the failure; one that is cut off is recorded as cancelled.

    Raises:
        LLEMError: the backend can serve no further request.
    """
    receipt = _Receipt(request, clock.now_ns())
    status: Status = "cancelled"
    error_kind: str | None = None
    try:
        async for chunk in backend.stream(request):
            receipt.take(chunk)
        status = "ok"
    except RequestError as error:
        status, error_kind = error.status, error.kind
    except (asyncio.TimeoutError, TimeoutError) as error:
        status, error_kind = "timeout", type(error).__name__
    except LLEMError as error:
        status, error_kind = "error", type(error).__name__
        raise
    except Exception as error:  # noqa: BLE001 - whatever a client library raises is this request's failure
        status, error_kind = "error", type(error).__name__
    finally:
        record = receipt.record(clock.now_ns(), status, error_kind)
        refused = refused_record(backend.name, record, request, clock)
        if refused is not None:
            raise refused
        done(record)
    return status


@dataclass
class _Receipt:
    """What has come of one request so far; messages without tokens move no time but that of the closing."""

    request: ScheduledRequest
    sent_unix_ns: int
    times: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    output_tokens: int | None = None
    cached_prompt_tokens: int | None = None
    finish_reason: FinishReason | None = None
    server: ServerTimes | None = None

    def take(self, chunk: Chunk) -> None:
        if chunk.tokens > 0:
            self.times.append(chunk.unix_ns)
            self.tokens.append(chunk.tokens)
        self.output_tokens = _later(chunk.output_tokens, self.output_tokens)
        self.cached_prompt_tokens = _later(chunk.cached_prompt_tokens, self.cached_prompt_tokens)
        self.finish_reason = _later(chunk.finish_reason, self.finish_reason)
        self.server = _later(chunk.server, self.server)

    def record(self, closed_unix_ns: int, status: Status, error_kind: str | None) -> RequestRecord:
        """Return the finished request; without chunks where the server counts other tokens than its messages have."""
        counted = sum(self.tokens)
        total = counted if self.output_tokens is None else self.output_tokens
        agree = counted == total
        return RequestRecord(
            request_id=self.request.request_id,
            repeat=self.request.repeat,
            status=status,
            error_kind=error_kind,
            prompt_tokens=self.request.encoded.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens,
            output_tokens=total,
            scheduled_unix_ns=self.request.scheduled_unix_ns,
            sent_unix_ns=self.sent_unix_ns,
            first_token_unix_ns=self.times[0] if self.times else None,
            last_token_unix_ns=self.times[-1] if self.times else None,
            closed_unix_ns=closed_unix_ns,
            chunk_unix_ns=tuple(self.times) if agree else (),
            chunk_tokens=tuple(self.tokens) if agree else (),
            finish_reason=self.finish_reason,
            server=self.server,
        )


def _later(new: T | None, old: T | None) -> T | None:
    return old if new is None else new
