"""One batch of the workload through the backend, recorded as requests."""

from __future__ import annotations

from llenergymeasure.backends.base import Backend, Generation, PreparedBatch
from llenergymeasure.domain.request import RequestRecord


def serve_batch(backend: Backend, batch: PreparedBatch, repeat: int, label: str) -> list[RequestRecord]:
    """Serve one batch; offline work has no queue, so each request is scheduled when it is sent."""
    return [_record(generation, batch, repeat, label) for generation in backend.generate(batch)]


def _record(generation: Generation, batch: PreparedBatch, repeat: int, label: str) -> RequestRecord:
    return RequestRecord(
        request_id=f"{label}.{generation.prompt_id}",
        repeat=repeat,
        batch=batch.index,
        prompt_tokens=generation.prompt_tokens,
        output_tokens=generation.output_tokens,
        scheduled_unix_ns=generation.sent_unix_ns,
        sent_unix_ns=generation.sent_unix_ns,
        first_token_unix_ns=generation.first_token_unix_ns,
        end_unix_ns=generation.end_unix_ns,
        token_unix_ns=generation.token_unix_ns,
        finish_reason=generation.finish_reason,
    )
