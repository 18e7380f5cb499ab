"""One answer of TensorRT-LLM as messages, from the object that `generate_async` returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FinishReason, ServerTimes

FINISHED: tuple[FinishReason, ...] = ("stop", "length")


async def messages(result: Any, clock: Clock, *, tells_cached: bool) -> AsyncIterator[Chunk]:
    """Yield a message for each output as it comes; the request is aborted where nobody waits for the rest.

    An output has all tokens until now; a stop token that is taken back at the end was generated all the same.

    Raises:
        RequestError: the request failed.
    """
    counted, finished = 0, False
    try:
        async for output in result:
            now_ns = clock.now_ns()
            answer = output.outputs[0]
            total = max(len(answer.token_ids), counted)
            finished = bool(output.finished)
            yield Chunk(
                unix_ns=now_ns,
                tokens=total - counted,
                finish_reason=_finish_reason(answer.finish_reason),
                output_tokens=total if finished else None,
                cached_prompt_tokens=_cached(output) if finished and tells_cached else None,
                server=_server_times(answer) if finished else None,
            )
            counted = total
    except RequestError:
        raise
    except Exception as error:  # inference software: whatever one request raises, others may succeed
        raise RequestError(type(error).__name__) from error
    finally:
        if not finished:
            result.abort()


def _finish_reason(reason: Any) -> FinishReason | None:
    """Return why an answer ended.

    Raises:
        RequestError: it did not end by itself.
    """
    if reason in (None, *FINISHED):
        return cast("FinishReason | None", reason)
    raise RequestError(str(reason), "timeout" if reason == "timeout" else "error")


def _cached(output: Any) -> int | None:
    cached = getattr(output, "cached_tokens", None)
    return None if cached is None else int(cached)


def _server_times(answer: Any) -> ServerTimes | None:
    """Return the times that the engine measured; None where it reports none."""
    metrics = getattr(answer, "request_perf_metrics", None)
    timing = None if metrics is None else metrics.timing_metrics
    if timing is None:
        return None
    return ServerTimes(
        queued_s=_between(timing.arrival_time, timing.first_scheduled_time),
        prefill_s=_between(timing.first_scheduled_time, timing.first_token_time),
        decode_s=_between(timing.first_token_time, timing.last_token_time),
    )


def _between(start: Any, end: Any) -> float:
    """Return the seconds between two durations since the start of the engine's clock."""
    return max(float((end - start).total_seconds()), 0.0)
