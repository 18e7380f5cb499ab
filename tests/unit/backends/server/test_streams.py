"""Streams as servers send them: what of each is tokens, which kind, how many, and when; however the bytes are split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.backends.base import Chunk, EncodedRequest, RequestError, ScheduledRequest
from llenergymeasure.backends.server.messages import DONE, MessageReader
from llenergymeasure.backends.server.sse import EventReader
from llenergymeasure.domain.request import Prompt, RequestRecord, ServerTimes
from llenergymeasure.load.receipt import Receipt

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def _event(content: dict[str, Any], end: str = "\n") -> bytes:
    return f"data: {json.dumps(content)}{end}{end}".encode()


def _chat(delta: dict[str, Any], reason: str | None = None, **other: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **other}


def _text(text: str, reason: str | None = None, **other: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason, **other}]}


def _usage(tokens: int) -> dict[str, Any]:
    return {"usage": {**USAGE, "completion_tokens": tokens}}


WORDS = [_event(_chat({"content": word})) for word in ("Bread", " goes", " stale")]
END = [_event(_chat({}, "stop")), _event({"choices": [], **_usage(3)}), b"data: [DONE]\n\n"]
STREAMS: dict[str, list[bytes]] = {
    "plain": [*WORDS, *END],
    "role first": [_event(_chat({"role": "assistant"})), *WORDS, *END],
    "role beside an empty text": [_event(_chat({"role": "assistant", "content": ""})), *WORDS, *END],
    "empty chunks between": [WORDS[0], _event(_chat({"content": ""})), *WORDS[1:], *END],
    "comments": [b": keep-alive\n\n", WORDS[0], b":\n\n", *WORDS[1:], b": bye\n\n", *END],
    "other fields": [b"event: message\nid: 1\nretry: 10\n" + WORDS[0], *WORDS[1:], *END],
    "without a space": [each.replace(b"data: ", b"data:") for each in (*WORDS, *END)],
    "CRLF": [each.replace(b"\n", b"\r\n") for each in (*WORDS, *END)],
    "CR": [each.replace(b"\n", b"\r") for each in (*WORDS, *END)],
    "byte order mark": [b"\xef\xbb\xbf" + WORDS[0], *WORDS[1:], *END],
    "JSON over several lines": [
        b'data: {"choices":\ndata: [{"delta": {"content": "Bread"}}]}\n\n',
        *WORDS[1:],
        *END,
    ],
    "reasoning": [_event(_chat({"reasoning_content": "Hm"})), *WORDS[1:], *END],
    "reasoning, as vLLM names it": [_event(_chat({"reasoning": "Hm"})), *WORDS[1:], *END],
    "tool call": [_event(_chat({"tool_calls": [{"index": 0, "function": {"name": "f"}}]})), *WORDS[1:], *END],
    "usage with empty choices in each": [
        _event({**_chat({"content": word}), **_usage(n)}) for n, word in enumerate("abc", start=1)
    ]
    + END,
    "usage null in each": [_event({**_chat({"content": word}), "usage": None}) for word in "abc"] + END,
    "usage beside the reason": [*WORDS, _event({**_chat({}, "stop"), **_usage(3)}), b"data: [DONE]\n\n"],
    "reason beside the last text": [*WORDS[:2], _event(_chat({"content": "."}, "stop")), *END[1:]],
    "no [DONE]": [*WORDS, *END[:2]],
    "no blank line at the end": [*WORDS, *END[:2], b"data: [DONE]"],
    "trailing garbage": [*WORDS, *END, b"garbage", b"\x00\xff\r\n", b"data: {\n\n"],
    "not ASCII": [
        _event(_chat({"content": "Bröt"})),
        'data: {"choices": [{"delta": {"content": "🥖"}}]}\n\n'.encode(),
        WORDS[2],
        *END,
    ],
    "completions": [_event(_text(word)) for word in ("Bread", " goes", " stale")]
    + [_event(_text("", "stop")), *END[1:]],
    "completions of token ids": [
        _event(_text("Bread", token_ids=[5])),
        _event(_text("", token_ids=[6])),
        _event(_text("ö", token_ids=[7])),
        _event(_text("", "stop")),
        *END[1:],
    ],
    "log probabilities": [
        _event(_text(word, logprobs={"tokens": [word], "token_logprobs": [-1.0]})) for word in "abc"
    ]
    + [_event(_text("", "stop")), *END[1:]],
}
"""All of three output tokens, in three messages."""


def _chunks(pieces: Sequence[bytes]) -> list[Chunk]:
    """Return the messages of a stream; each comes a second after the one before."""
    events, reader, chunks = EventReader(), MessageReader(("reasoning_content", "reasoning")), []
    found = [data for piece in pieces for data in events.feed(piece)] + events.rest()
    for data in found:
        if data == DONE:
            break
        chunks.append(reader.read(data, (len(chunks) + 1) * 1_000_000_000))
    assert reader.is_finished
    return chunks


def _record(chunks: Sequence[Chunk]) -> RequestRecord:
    prompt = EncodedRequest(prompt=Prompt(prompt_id="a", text="Why?"), index=0, prompt_tokens=1)
    request = ScheduledRequest(request_id="a", repeat=0, scheduled_unix_ns=0, encoded=prompt)
    receipt = Receipt(request, 0)
    for chunk in chunks:
        receipt.take(chunk)
    return receipt.record(100_000_000_000, "ok", None)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_every_stream_has_its_three_tokens_and_those_of_the_prompt(stream: list[bytes]) -> None:
    record = _record(_chunks(stream))
    assert (record.output_tokens, record.prompt_tokens) == (3, 7)
    assert (list(record.chunk_tokens), record.tokens_estimated) == ([1, 1, 1], None)
    assert record.finish_reason == "stop"


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 2000), max_size=40))
def test_any_split_of_the_bytes_gives_the_same_messages(name: str, cuts: list[int]) -> None:
    whole = b"".join(STREAMS[name])
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(edges)]
    assert _chunks(pieces) == _chunks([whole])
    assert _chunks([whole[n : n + 1] for n in range(len(whole))]) == _chunks([whole])


def test_an_event_is_complete_with_its_blank_line_and_not_with_the_next_event() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        assert EventReader().feed(b"data: one" + end + end) == [b"one"]


@pytest.mark.parametrize("name", ["role first", "role beside an empty text"])
def test_the_first_token_is_not_in_a_message_with_a_role(name: str) -> None:
    assert _record(_chunks(STREAMS[name])).first_token_unix_ns == 2_000_000_000


def test_the_visible_answer_begins_after_the_reasoning() -> None:
    record = _record(_chunks(STREAMS["reasoning"]))
    assert (record.first_token_unix_ns, record.first_answer_unix_ns) == (1_000_000_000, 2_000_000_000)


def test_a_tool_call_is_a_part_of_the_visible_answer() -> None:
    record = _record(_chunks(STREAMS["tool call"]))
    assert record.first_answer_unix_ns == record.first_token_unix_ns == 1_000_000_000


def test_of_plain_completions_the_visible_answer_is_not_known_apart() -> None:
    assert _record(_chunks(STREAMS["completions"])).first_answer_unix_ns is None


def test_messages_of_several_tokens_have_as_many_as_usage_grows_by() -> None:
    counts = [2, 2, 5]
    stream = [_event({**_chat({"content": "words"}), **_usage(total)}) for total in counts]
    record = _record(_chunks([*stream, _event({**_chat({}, "length"), **_usage(5)})]))
    assert (list(record.chunk_tokens), record.output_tokens) == ([2, 3], 5)
    assert record.chunk_unix_ns == (1_000_000_000, 3_000_000_000)


def test_messages_have_as_many_tokens_as_the_timings_of_llama_cpp_grow_by() -> None:
    texts = [("Br", 1), ("", 2), ("öt", 4)]
    stream = [
        _event({**_chat({"content": text}), "timings": {"predicted_n": total}}) for text, total in texts
    ]
    record = _record(
        _chunks([*stream, _event({**_chat({}, "stop"), "timings": {"predicted_n": 4}, **_usage(4)})])
    )
    assert (list(record.chunk_tokens), record.tokens_estimated) == ([1, 1, 2], None)


def test_messages_of_several_tokens_that_nobody_counts_share_the_stated_sum() -> None:
    record = _record(_chunks([*WORDS, END[0], _event({"choices": [], **_usage(8)})]))
    assert (list(record.chunk_tokens), record.output_tokens) == ([3, 3, 2], 8)
    assert record.tokens_estimated == "spread"
    assert (record.first_token_unix_ns, record.last_token_unix_ns) == (1_000_000_000, 3_000_000_000)


def test_an_answer_in_one_message_has_all_tokens_in_it() -> None:
    record = _record(_chunks([WORDS[0], END[0], _event({"choices": [], **_usage(8)})]))
    assert (list(record.chunk_tokens), record.tokens_estimated) == ([8], None)


def test_without_usage_each_message_counts_as_one_token_and_says_so() -> None:
    record = _record(_chunks([*WORDS, END[0]]))
    assert (record.output_tokens, record.tokens_estimated) == (3, "assumed")
    assert record.prompt_tokens == 1  # that of encode()


@given(st.lists(st.just(1), min_size=1, max_size=40), st.integers(1, 200))
def test_a_spread_sum_is_kept_and_begins_in_the_first_message(counts: list[int], total: int) -> None:
    chunks = [Chunk(unix_ns=n, tokens=1, is_counted=False) for n in range(len(counts))]
    record = _record([*chunks[:-1], replace(chunks[-1], output_tokens=total)])
    assert sum(record.chunk_tokens) == total == record.output_tokens
    assert record.first_token_unix_ns == 0
    assert total < 2 or record.last_token_unix_ns == len(counts) - 1
    if total >= len(counts):
        assert max(record.chunk_tokens) - min(record.chunk_tokens) <= 1


def test_cached_tokens_of_the_prompt_are_those_of_usage_or_of_llama_cpp() -> None:
    details = {"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 6}}}
    assert _record(_chunks([*WORDS, END[0], _event({"choices": [], **details})])).cached_prompt_tokens == 6
    timings = {"cache_n": 5, "prompt_n": 2, "prompt_ms": 20.0, "predicted_n": 3, "predicted_ms": 300.0}
    record = _record(_chunks([*WORDS, _event({**_chat({}, "stop"), "timings": timings, **_usage(3)})]))
    assert record.cached_prompt_tokens == 5
    assert record.server == ServerTimes(prefill_s=0.02, decode_s=0.3)


def test_times_of_vllm_are_kept_as_the_servers_own() -> None:
    metrics = {"queue_time_ms": 1.5, "time_to_first_token_ms": 20.0, "generation_time_ms": 300.0}
    record = _record(_chunks([*WORDS, END[0], _event({"choices": [], **_usage(3), "metrics": metrics})]))
    assert record.server == ServerTimes(queued_s=0.0015, prefill_s=0.02, decode_s=0.3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"choices": [', "malformed message"),
        (b"[1]", "malformed message"),
        (b"\xff", "malformed message"),
        (b'{"error": {"message": "the engine is dead"}}', "error in the stream"),
        (b'{"choices": [{"delta": {}, "finish_reason": "abort"}]}', "aborted by the server"),
    ],
)
def test_a_message_that_says_nothing_or_an_error_is_counted_by_its_kind(data: bytes, kind: str) -> None:
    with pytest.raises(RequestError) as error:
        MessageReader(()).read(data, 0)
    assert error.value.kind == kind


@pytest.mark.parametrize(
    "message", [{}, {"choices": None}, {"choices": [7]}, {"usage": 7}, {"choices": [{"delta": None}]}]
)
def test_a_message_of_a_strange_shape_has_no_tokens(message: dict[str, Any]) -> None:
    assert MessageReader(()).read(json.dumps(message).encode(), 5) == Chunk(unix_ns=5, tokens=0)
