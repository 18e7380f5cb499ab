"""What the messages of one answer say: tokens, their kind and number, why it ended, usage, times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.domain.request import FinishReason, ServerTimes

DONE = b"[DONE]"
FINISH_REASONS: Mapping[str, FinishReason] = {"length": "length", "max_tokens": "length"}
"""What other servers and models say (`stop`, `tool_calls`, `eos`, `content_filter`...) is `stop`."""
MALFORMED, ERROR_IN_STREAM, ABORTED = "malformed message", "error in the stream", "aborted by the server"
ANSWER_FIELDS = ("content", "text", "tool_calls", "function_call", "refusal")


class MessageReader:
    """Reads the messages of one answer in their order.

    A message has as many tokens as the stated sum grows by, where it comes with each message (`usage`, `timings`); else
    as many as it lists (`token_ids`, `logprobs`); else one, uncounted, if it has text, reasoning or a tool call.
    """

    def __init__(self, reasoning_fields: Sequence[str]) -> None:
        self._reasoning_fields = reasoning_fields
        self._counted = 0
        self._counts_everywhere = False
        self.is_finished = False
        """Whether a message has said why the answer ended."""

    def read(self, data: bytes, unix_ns: int) -> Chunk:
        """Return what one message says; `unix_ns` is when it came.

        Raises:
            RequestError: it is no JSON object, or an error.
        """
        message = _decoded(data)
        choice = _first_choice(message)
        if _is_plain_text(message, choice):
            is_chat = "delta" in choice or None
            return Chunk(unix_ns=unix_ns, tokens=1, is_counted=False, is_answer=is_chat)
        usage = _object(message.get("usage"))
        reason = choice.get("finish_reason")
        if reason is not None:
            if reason in ("abort", "error"):
                raise RequestError(ABORTED)
            self.is_finished = True
        elif choice and _total(message, usage) is not None:
            self._counts_everywhere = True
        delta = _object(choice.get("delta")) or choice
        is_answer = self._kind(delta)
        total = _total(message, usage)
        tokens, is_counted = self._tokens(choice, delta, total, has_text=is_answer is not None)
        return Chunk(
            unix_ns=unix_ns,
            tokens=tokens,
            is_counted=is_counted,
            is_answer=is_answer if "delta" in choice else None,
            finish_reason=None if reason is None else FINISH_REASONS.get(str(reason), "stop"),
            output_tokens=total,
            prompt_tokens=_count(usage, "prompt_tokens"),
            cached_prompt_tokens=_cached(usage, message),
            server=_server_times(message),
        )

    def _kind(self, delta: Mapping[str, Any]) -> bool | None:
        """Return whether a message has a part of the visible answer; None where it has no text of any kind."""
        if any(delta.get(name) for name in ANSWER_FIELDS):
            return True
        return False if any(delta.get(name) for name in self._reasoning_fields) else None

    def _tokens(
        self, choice: Mapping[str, Any], delta: Mapping[str, Any], total: int | None, *, has_text: bool
    ) -> tuple[int, bool]:
        if self._counts_everywhere and total is not None:
            new, self._counted = max(total - self._counted, 0), max(total, self._counted)
            return new, True
        listed = _listed(choice, delta)
        if listed is not None:
            return listed, True
        return int(has_text), not has_text


def _decoded(data: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(data)
    except ValueError:  # no JSON, or no UTF-8
        raise RequestError(MALFORMED) from None
    if not isinstance(message, dict):
        raise RequestError(MALFORMED)
    if message.get("error"):
        raise RequestError(ERROR_IN_STREAM)
    return message


def _first_choice(message: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = message.get("choices")
    return _object(choices[0]) if isinstance(choices, list) and choices else {}


def _is_plain_text(message: Mapping[str, Any], choice: Mapping[str, Any]) -> bool:
    """Whether a message has a piece of the answer and nothing else: most are such, thousands in a second."""
    if message.get("usage") is not None or choice.get("finish_reason") is not None or "timings" in message:
        return False
    if choice.get("logprobs") is not None or choice.get("token_ids") is not None:
        return False
    delta = choice.get("delta")
    return bool(choice.get("text") if delta is None else type(delta) is dict and delta.get("content"))


def _listed(choice: Mapping[str, Any], delta: Mapping[str, Any]) -> int | None:
    """Return how many tokens a message lists; None where it lists none."""
    ids = choice.get("token_ids", delta.get("token_ids"))
    if isinstance(ids, list):
        return len(ids)
    logprobs = _object(choice.get("logprobs"))
    tokens = logprobs.get("content", logprobs.get("tokens"))
    return len(tokens) if isinstance(tokens, list) and tokens else None


def _total(message: Mapping[str, Any], usage: Mapping[str, Any]) -> int | None:
    """Return how many tokens the answer has until now: as `usage` states it, or llama.cpp's `timings`."""
    stated = _count(usage, "completion_tokens")
    return _count(_object(message.get("timings")), "predicted_n") if stated is None else stated


def _cached(usage: Mapping[str, Any], message: Mapping[str, Any]) -> int | None:
    """Return the prompt tokens that came from a cache: as OpenAI states them, or llama.cpp's `timings`."""
    stated = _count(_object(usage.get("prompt_tokens_details")), "cached_tokens")
    return _count(_object(message.get("timings")), "cache_n") if stated is None else stated


def _server_times(message: Mapping[str, Any]) -> ServerTimes | None:
    """Return the times that the last message may have: `timings` of llama.cpp, `metrics` of vLLM.

    llama.cpp: tools/server/README.md of the project. vLLM with --enable-per-request-metrics: from when the request was
    scheduled to its first token, and from there to its last one.
    """
    timings, metrics = message.get("timings"), message.get("metrics")
    if isinstance(timings, dict):
        return ServerTimes(
            prefill_s=_milliseconds(timings, "prompt_ms"), decode_s=_milliseconds(timings, "predicted_ms")
        )
    if not isinstance(metrics, dict):
        return None
    return ServerTimes(
        queued_s=_milliseconds(metrics, "queue_time_ms"),
        prefill_s=_milliseconds(metrics, "time_to_first_token_ms"),
        decode_s=_milliseconds(metrics, "generation_time_ms"),
    )


def _milliseconds(timings: Mapping[str, Any], name: str) -> float | None:
    value = timings.get(name)
    is_time = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
    return value / 1e3 if is_time and value is not None else None


def _count(section: Mapping[str, Any], name: str) -> int | None:
    value = section.get(name)
    return value if type(value) is int and value >= 0 else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
