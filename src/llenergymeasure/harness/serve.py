"""One batch of the workload through the backend, recorded as requests."""

from __future__ import annotations

from itertools import groupby

from llenergymeasure.backends.base import Backend, Generation, PreparedBatch
from llenergymeasure.domain.request import RequestRecord


def serve_batch(backend: Backend, batch: PreparedBatch, repeat: int, label: str) -> list[RequestRecord]:
    """Serve one batch; offline work has no queue, so each request is scheduled when it is sent."""
    return [_record(generation, batch, repeat, label) for generation in backend.generate(batch)]


def _record(generation: Generation, batch: PreparedBatch, repeat: int, label: str) -> RequestRecord:
    times = generation.token_unix_ns
    chunks = {time_ns: len(list(together)) for time_ns, together in groupby(times)}
    return RequestRecord(
        request_id=f"{label}.{generation.prompt_id}",
        repeat=repeat,
        batch=batch.index,
        prompt_tokens=generation.prompt_tokens,
        output_tokens=generation.output_tokens,
        scheduled_unix_ns=generation.sent_unix_ns,
        sent_unix_ns=generation.sent_unix_ns,
        first_token_unix_ns=generation.first_token_unix_ns,
        last_token_unix_ns=times[-1] if times else None,
        closed_unix_ns=generation.end_unix_ns,
        chunk_unix_ns=tuple(chunks),
        chunk_tokens=tuple(chunks.values()),
        finish_reason=generation.finish_reason,
    )
