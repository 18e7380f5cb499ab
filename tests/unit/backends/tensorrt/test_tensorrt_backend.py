"""The TensorRT-LLM backend on a stand-in of its published API."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llenergymeasure.backends.base import Chunk, RequestError, ScheduledRequest
from llenergymeasure.backends.tensorrt.backend import TensorRTBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError
from llenergymeasure.plugins import declaration
from llenergymeasure.testing import check_backend, check_plugin

STAND_IN = Path(__file__).parents[3] / "simulators" / "tensorrt_llm"
PROMPTS = [
    Prompt(prompt_id=f"p{number}", text=f"why does bread number {number} go stale") for number in range(3)
]


@pytest.fixture(autouse=True)
def tensorrt_llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in, imported as the package would be, and forgotten afterwards."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    import tensorrt_llm

    yield tensorrt_llm
    for name in [each for each in sys.modules if each.partition(".")[0] == "tensorrt_llm"]:
        del sys.modules[name]


def _config(**settings: Any) -> ExperimentConfig:
    workload = {"max_output_tokens": 4}
    return ExperimentConfig.model_validate(
        {"model": "any/model", "backend": "tensorrt", "workload": workload, **settings}
    )


def _loaded(config: ExperimentConfig) -> TensorRTBackend:
    backend = TensorRTBackend()
    backend.load(config, AnchoredClock())
    return backend


def _answers(backend: TensorRTBackend, passes: int = 1) -> list[list[Chunk]]:
    """Serve the prompts one after the other."""

    async def one(number: int, request: ScheduledRequest) -> list[Chunk]:
        return [chunk async for chunk in backend.stream(request)]

    async def all_of_them() -> list[list[Chunk]]:
        return [
            await one(
                number,
                ScheduledRequest(
                    request_id=f"{number}.{each.index}", repeat=0, scheduled_unix_ns=0, encoded=each
                ),
            )
            for number in range(passes)
            for each in workload
        ]

    workload = backend.encode(PROMPTS)
    return asyncio.run(all_of_them())


def test_it_is_declared_and_conforms(tensorrt_llm: Any) -> None:
    check_plugin(declaration("backends", "tensorrt"))
    check_backend(TensorRTBackend, _config(), PROMPTS)
    assert tensorrt_llm.LLM.made[-1].is_shut_down


def test_options_reach_the_api_under_its_names(tensorrt_llm: Any) -> None:
    options = {
        "tensor_parallel_size": 2,
        "max_batch_size": 16,
        "max_seq_len": 512,
        "kv_cache_dtype": "fp8",
        "kv_cache_free_gpu_memory_fraction": 0.5,
        "enable_chunked_prefill": True,
    }
    backend = _loaded(_config(tensorrt=options, precision="fp16"))
    given = tensorrt_llm.LLM.made[-1].given
    assert {
        name: given[name] for name in ("tensor_parallel_size", "max_batch_size", "max_seq_len", "dtype")
    } == {
        "tensor_parallel_size": 2,
        "max_batch_size": 16,
        "max_seq_len": 512,
        "dtype": "float16",
    }
    assert (given["kv_cache_config"].dtype, given["kv_cache_config"].free_gpu_memory_fraction) == ("fp8", 0.5)
    assert backend.serving_facts().context_limit == 512


def test_each_message_has_the_new_tokens_and_the_last_one_the_sum_and_the_engines_times() -> None:
    answer = _answers(_loaded(_config()))[0]
    assert [chunk.tokens for chunk in answer] == [1, 1, 1, 1]
    last = answer[-1]
    assert (last.finish_reason, last.output_tokens, last.cached_prompt_tokens) == ("length", 4, 0)
    assert last.server is not None
    assert last.server.queued_s == pytest.approx(0.001)
    assert last.server.prefill_s == pytest.approx(0.002)


def test_a_cold_run_reuses_no_blocks_and_a_warm_one_tells_how_many() -> None:
    cold = _answers(_loaded(_config()), passes=2)
    assert {answer[-1].cached_prompt_tokens for answer in cold} == {0}
    warm = _loaded(_config(cache="warm"))
    assert warm.keeps_prefixes()
    assert _answers(warm, passes=2)[-1][-1].cached_prompt_tokens == 4


def test_the_runtime_that_does_not_count_reused_blocks_says_nothing_of_them() -> None:
    answers = _answers(_loaded(_config(cache="as_is", tensorrt={"runtime": "tensorrt"})))
    assert answers[0][-1].cached_prompt_tokens is None


def test_greedy_decoding_takes_the_best_token_and_sampling_a_seed_for_each_request(tensorrt_llm: Any) -> None:
    _answers(_loaded(_config()))
    assert {each._params.top_k for each in tensorrt_llm.LLM.made[-1].requests} == {1}
    _answers(_loaded(_config(decoder={"temperature": 0.7, "top_p": 0.9})))
    drawn = [each._params for each in tensorrt_llm.LLM.made[-1].requests]
    assert [(each.temperature, each.top_p, each.seed) for each in drawn] == [
        (0.7, 0.9, 42),
        (0.7, 0.9, 43),
        (0.7, 0.9, 44),
    ]


def test_a_request_that_fails_is_reported_alone_and_aborted(
    tensorrt_llm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_llm.LLM, "fails_after", 2)
    backend = _loaded(_config())
    with pytest.raises(RequestError, match="RuntimeError"):
        _answers(backend)
    assert tensorrt_llm.LLM.made[-1].requests[-1].aborted


def test_an_argument_that_the_api_does_not_have_is_one_sentence() -> None:
    with pytest.raises(BackendError, match=r"does not load any/model: ValueError.*no_such"):
        _loaded(_config(passthrough_kwargs={"no_such": 1}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "cpu"}, "NVIDIA GPUs alone"),
        ({"weights": "random"}, "weights: random"),
        ({"model": "model.gguf"}, "no .gguf file"),
        ({"passthrough_kwargs": {"kv_cache_config": 1}}, "tensorrt.kv_cache"),
    ],
)
def test_what_it_cannot_do_is_refused(settings: dict[str, Any], words: str) -> None:
    assert any(words in each for each in TensorRTBackend().check(_config(**settings)))


def test_a_prebuilt_engine_needs_its_runtime_and_a_tokenizer(tmp_path: Path) -> None:
    for name in ("config.json", "rank0.engine"):
        (tmp_path / name).write_text("{}")
    refusals = TensorRTBackend().check(_config(model=str(tmp_path)))
    assert [("tensorrt.runtime" in each, "tensorrt.tokenizer" in each) for each in refusals] == [
        (True, False),
        (False, True),
    ]
    whole = {"runtime": "tensorrt", "tokenizer": "any/model"}
    assert TensorRTBackend().check(_config(model=str(tmp_path), tensorrt=whole)) == []


def test_a_prebuilt_engine_keeps_the_data_type_that_it_was_built_with(
    tmp_path: Path, tensorrt_llm: Any
) -> None:
    for name in ("config.json", "rank0.engine", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    _loaded(_config(model=str(tmp_path), tensorrt={"runtime": "tensorrt"}))
    assert "dtype" not in tensorrt_llm.LLM.made[-1].given


def test_quantising_is_for_engines_that_are_built() -> None:
    with pytest.raises(ValueError, match="set runtime: tensorrt"):
        _config(tensorrt={"quantisation": "FP8"})
