"""Messages of llama.cpp become chunks with exact counts of tokens, and records of requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llenergymeasure.backends.base import EncodedRequest, RequestError, ScheduledRequest
from llenergymeasure.backends.llamacpp.answers import AnswerReader, as_record
from llenergymeasure.domain.request import Prompt, RequestRecord

PROMPT_TOKENS = 5


def text(counted: int, finish: str | None = None) -> bytes:
    """A message after `counted` tokens of the answer."""
    timings = {"predicted_n": counted, "prompt_n": PROMPT_TOKENS, "prompt_ms": 12.5, "predicted_ms": 250.0}
    return json.dumps({"choices": [{"text": "a", "finish_reason": finish}], "timings": timings}).encode()


def usage(counted: int, *, prompt: int = PROMPT_TOKENS, cached: int = 0) -> bytes:
    told = {
        "completion_tokens": counted,
        "prompt_tokens": prompt,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return json.dumps({"choices": [], "usage": told}).encode()


def read(*messages: bytes) -> list[Any]:
    reader = AnswerReader(PROMPT_TOKENS, 0)
    chunks = [reader.read(number, data) for number, data in enumerate(messages)]
    reader.close()
    return chunks


def record(*messages: bytes, **given: Any) -> RequestRecord:
    encoded = EncodedRequest(prompt=Prompt(prompt_id="p", text="a"), index=0, prompt_tokens=PROMPT_TOKENS)
    request = ScheduledRequest(request_id="r", repeat=0, scheduled_unix_ns=0, encoded=encoded)
    return as_record(request, 1, [(10 + n, data) for n, data in enumerate(messages)], 99, **given)


def test_a_message_has_the_tokens_by_which_the_count_of_the_engine_has_grown() -> None:
    """The second character took two tokens; the end of the sequence has no text and counts."""
    chunks = read(text(1), text(3), text(4, "stop"), usage(4, cached=2))
    assert [chunk.tokens for chunk in chunks] == [1, 2, 1, 0]
    assert [chunk.finish_reason for chunk in chunks] == [None, None, "stop", None]
    assert (chunks[-1].output_tokens, chunks[-1].cached_prompt_tokens) == (4, 2)


def test_the_times_of_the_engine_are_told_with_the_end() -> None:
    first, last = read(text(1), text(2, "length"))
    assert first.server is None
    assert (last.server.prefill_s, last.server.decode_s) == (0.0125, 0.25)


def test_a_request_is_queued_until_a_slot_begins_with_its_prompt() -> None:
    progress = [
        json.dumps({"choices": [{"text": ""}], "prompt_progress": {"total": 5, "processed": done}}).encode()
        for done in (0, 5)
    ]
    told = record(*progress, text(1, "stop"))
    assert told.server is not None
    assert told.server.queued_s == 9e-9
    assert told.first_token_unix_ns == 12


def test_comments_between_messages_are_ignored() -> None:
    assert read(text(1, "stop"), b": ping")[1] is None


def test_a_record_has_the_times_of_the_messages_with_tokens() -> None:
    told = record(text(1), text(1), text(2, "length"), usage(2))
    assert (told.status, told.output_tokens, told.finish_reason) == ("ok", 2, "length")
    assert (told.first_token_unix_ns, told.last_token_unix_ns, told.chunk_unix_ns) == (10, 12, (10, 12))
    assert told.cached_prompt_tokens == 0


@pytest.mark.parametrize(
    ("messages", "kind", "status"),
    [
        ([b'{"error": {"type": "exceed_context_size_error", "code": 400}}'], "ContextExceeded", "rejected"),
        ([text(1), b'{"error": {"type": "server_error"}}'], "server_error", "error"),
        ([b'{"error": "lost"}'], "EngineError", "error"),
        ([text(1)], "AnswerCutOff", "error"),
        ([], "AnswerCutOff", "error"),
        ([text(1, "stop"), usage(1, prompt=6)], "PromptTokensDiffer", "error"),
    ],
)
def test_an_answer_that_fails_is_recorded_with_its_kind(
    messages: list[bytes], kind: str, status: str
) -> None:
    told = record(*messages)
    assert (told.error_kind, told.status) == (kind, status)


def test_what_came_before_a_failure_is_kept() -> None:
    told = record(text(1), text(2), failure=RequestError("RuntimeError"))
    assert (told.status, told.error_kind, told.output_tokens) == ("error", "RuntimeError", 2)


def test_an_answer_that_was_stopped_is_cancelled_unless_it_had_ended() -> None:
    assert record(text(1), stopped=True).status == "cancelled"
    assert record(text(1, "stop"), stopped=True).status == "ok"
