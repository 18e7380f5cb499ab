"""From the messages of a completion to chunks, and to the record of a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from llenergymeasure.backends.base import Chunk, RequestError, ScheduledRequest
from llenergymeasure.domain.request import FinishReason, RequestRecord, ServerTimes, Status

_TOO_LONG = "exceed_context_size_error"
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class AnswerReader:
    """Reads the messages of one completion in their order.

    The engine counts every token, the end of the sequence too, and holds back text that is not whole UTF-8 yet: a
    message has as many tokens as the count has grown by.
    """

    def __init__(self, prompt_tokens: int, sent_unix_ns: int) -> None:
        self._prompt_tokens = prompt_tokens
        self._sent_unix_ns = sent_unix_ns
        self._queued_s: float | None = None
        self._counted = 0
        self._finished = False

    def read(self, unix_ns: int, data: bytes) -> Chunk | None:
        """Return one message; None where it is none.

        Raises:
            RequestError: it is an error, or contradicts what was sent.
        """
        if not data.startswith(b"{"):
            return None  # a comment that keeps a connection open
        message = json.loads(data)
        if "error" in message:
            raise _failure(message["error"])
        timings, usage = message.get("timings") or {}, message.get("usage") or {}
        if self._queued_s is None and "prompt_progress" in message:
            self._queued_s = (
                unix_ns - self._sent_unix_ns
            ) / 1e9  # it comes when a slot begins with the prompt
        told = (timings.get("predicted_n", 0), usage.get("completion_tokens", 0))
        counted = max(self._counted, *map(int, told))
        tokens, self._counted = counted - self._counted, counted
        finish = _finish_reason(message)
        self._finished = self._finished or finish is not None
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        self._check_prompt(usage)
        return Chunk(
            unix_ns=unix_ns,
            tokens=tokens,
            finish_reason=finish,
            output_tokens=counted if usage else None,
            cached_prompt_tokens=None if cached is None else int(cached),
            server=self._server_times(timings) if finish is not None else None,
        )

    def close(self) -> None:
        """Take the end of the messages.

        Raises:
            RequestError: the answer was not finished.
        """
        if not self._finished:
            raise RequestError("AnswerCutOff")

    def _server_times(self, timings: dict[str, Any]) -> ServerTimes:
        prefill_ms, decode_ms = timings.get("prompt_ms"), timings.get("predicted_ms")
        return ServerTimes(
            queued_s=self._queued_s,
            prefill_s=None if prefill_ms is None else prefill_ms / 1e3,
            decode_s=None if decode_ms is None else decode_ms / 1e3,
        )

    def _check_prompt(self, usage: dict[str, Any]) -> None:
        read = usage.get("prompt_tokens")
        if read is not None and int(read) != self._prompt_tokens:
            raise RequestError("PromptTokensDiffer")


def as_record(
    request: ScheduledRequest,
    sent_unix_ns: int,
    messages: Sequence[tuple[int, bytes]],
    closed_unix_ns: int,
    failure: RequestError | None = None,
    *,
    stopped: bool = False,
) -> RequestRecord:
    """Return a request that has ended, with what came of it; a failed one keeps what came before the failure."""
    chunks: list[Chunk] = []
    reader = AnswerReader(request.encoded.prompt_tokens, sent_unix_ns)
    try:
        for unix_ns, data in messages:
            chunk = reader.read(unix_ns, data)
            if chunk is not None:
                chunks.append(chunk)
        if failure is None:
            reader.close()
    except RequestError as error:
        failure = error
    status: Status = "ok" if failure is None else "cancelled" if stopped else failure.status
    filled = [chunk for chunk in chunks if chunk.tokens]
    return RequestRecord(
        request_id=request.request_id,
        repeat=request.repeat,
        status=status,
        error_kind=None if failure is None else failure.kind,
        prompt_tokens=request.encoded.prompt_tokens,
        cached_prompt_tokens=_last(chunk.cached_prompt_tokens for chunk in chunks),
        output_tokens=sum(chunk.tokens for chunk in filled),
        scheduled_unix_ns=request.scheduled_unix_ns,
        sent_unix_ns=sent_unix_ns,
        first_token_unix_ns=filled[0].unix_ns if filled else None,
        last_token_unix_ns=filled[-1].unix_ns if filled else None,
        closed_unix_ns=closed_unix_ns,
        chunk_unix_ns=tuple(chunk.unix_ns for chunk in filled),
        chunk_tokens=tuple(chunk.tokens for chunk in filled),
        finish_reason=_last(chunk.finish_reason for chunk in chunks),
        server=_last(chunk.server for chunk in chunks),
    )


def _last(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return known[-1] if known else None


def _failure(error: Any) -> RequestError:
    kind = error.get("type") if isinstance(error, dict) else None
    if kind == _TOO_LONG:
        return RequestError("ContextExceeded", "rejected")
    return RequestError(str(kind or "EngineError"))


def _finish_reason(message: dict[str, Any]) -> FinishReason | None:
    choices = message.get("choices") or [{}]
    return _FINISH.get(choices[0].get("finish_reason") or "")
