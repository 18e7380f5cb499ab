"""The bytes of the stand-in server's answers, made once for each kind of request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.simulators.openai.options import StandInServer

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
)
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of a request its answer depends on."""

    is_chat: bool
    prompt_tokens: int
    cached_tokens: int
    max_tokens: int
    wants_usage: bool
    wants_every_usage: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent at once (`opening`, after the headers), the timed chunks, and what follows the last of them."""

    opening: bytes
    chunks: tuple[bytes, ...]
    closing: bytes


def plain(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """Return a whole answer of HTTP."""
    reason = REASONS.get(status, "OK")
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def as_json(status: int, content: Any) -> bytes:
    """Return a whole answer of HTTP with JSON in it."""
    return plain(status, json.dumps(content).encode())


def refusal(status: int) -> bytes:
    """Return an error as OpenAI words it."""
    return as_json(
        status, {"error": {"message": f"refused with {status}", "type": "stand_in", "code": status}}
    )


def framed(data: bytes) -> bytes:
    """Return data as one chunk of HTTP's chunked encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(content: Any) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def make_answer(options: StandInServer, asked: Asked) -> Answer:
    """Return the messages of one answer, framed."""
    sizes = _sizes(options, asked.max_tokens)
    told: list[bytes] = []
    sent = 0
    for number, size in enumerate(sizes):
        sent += size
        told.append(framed(event(_chunk(options, asked, number, size, sent))))
    return Answer(
        opening=framed(event(_message(asked, {"role": "assistant", "content": ""}, None)))
        if asked.is_chat
        else b"",
        chunks=tuple(told),
        closing=_closing(options, asked, sizes),
    )


def _sizes(options: StandInServer, max_tokens: int) -> list[int]:
    """Return the tokens of each chunk."""
    size = options.tokens_per_chunk
    left = min(options.n_chunks * size, max_tokens)
    return [min(size, left - start) for start in range(0, left, size)]


def _chunk(options: StandInServer, asked: Asked, number: int, size: int, sent: int) -> dict[str, Any]:
    text = " word" * size
    kind = "reasoning_content" if number < options.reasoning_chunks else "content"
    message = _message(asked, {kind: text}, None)
    if options.token_ids:
        message["choices"][0]["token_ids"] = list(range(sent - size, sent))
    if options.usage == "every" and asked.wants_every_usage:
        message["usage"] = _usage(asked, sent)
    return message


def _closing(options: StandInServer, asked: Asked, sizes: list[int]) -> bytes:
    """Return the end: why the answer ended, the usage in a message without choices, `[DONE]`."""
    total = sum(sizes)
    reason = "stop" if total < asked.max_tokens else "length"
    parts = [event(_message(asked, {}, reason))]
    if asked.wants_usage and options.usage != "none":
        parts.append(event({**_message(asked, {}, None), "choices": [], "usage": _usage(asked, total)}))
    if options.sends_done:
        parts.append(DONE)
    return b"".join(framed(part) for part in parts) + END


def _message(asked: Asked, delta: dict[str, str], reason: str | None) -> dict[str, Any]:
    base: dict[str, Any] = {"id": "cmpl-0", "created": 0, "model": "stand-in"}
    if asked.is_chat:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": reason}
        return {**base, "object": "chat.completion.chunk", "choices": [choice]}
    choice = {"index": 0, "text": "".join(delta.values()), "logprobs": None, "finish_reason": reason}
    return {**base, "object": "text_completion", "choices": [choice]}


def _usage(asked: Asked, output_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": asked.prompt_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": asked.prompt_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": asked.cached_tokens},
    }
