from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.backends.vllm.arguments import engine_arguments, sampling_arguments
from llenergymeasure.backends.vllm.backend import VLLMBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.source import ModelSource

HUB = ModelSource(repo="owner/name")


def configure(**fields: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {"model": "owner/name", "backend": "vllm", "device": "cpu", **fields}
    )


def test_the_engine_gets_what_the_configuration_has_words_for():
    config = configure(precision="fp16", random_seed=7, revision="v2", weights="random")
    arguments = engine_arguments(config, HUB)
    assert arguments["model"] == "owner/name"
    assert (arguments["dtype"], arguments["seed"], arguments["load_format"]) == ("float16", 7, "dummy")
    assert (arguments["revision"], arguments["tokenizer_revision"]) == ("v2", "v2")


def test_the_engine_gets_every_argument_of_the_user():
    config = configure(vllm={"engine": {"tensor_parallel_size": 2, "quantization": "fp8"}})
    arguments = engine_arguments(config, HUB)
    assert (arguments["tensor_parallel_size"], arguments["quantization"]) == (2, "fp8")


def test_an_adapter_turns_lora_on():
    assert "enable_lora" not in engine_arguments(configure(), HUB)
    assert engine_arguments(configure(vllm={"lora_adapter": "a/b"}), HUB)["enable_lora"] is True


def test_greedy_decoding_draws_nothing_and_ends_as_configured():
    config = configure(workload={"max_output_tokens": 9}, decoder={"temperature": 0, "ignore_eos": True})
    arguments = sampling_arguments(config, 3)
    assert (arguments["temperature"], arguments["max_tokens"]) == (0.0, 9)
    assert "seed" not in arguments


def test_answers_end_with_the_tokens_of_our_rule_and_those_of_the_user_and_no_others():
    user = {"sampling": {"stop_token_ids": [7]}}
    arguments = sampling_arguments(configure(vllm=user), 0, ends=(2, 3))
    assert (arguments["stop_token_ids"], arguments["ignore_eos"]) == ([2, 3, 7], True)
    whole = sampling_arguments(configure(vllm=user, decoder={"ignore_eos": True}), 0, ends=(2, 3))
    assert (whole["stop_token_ids"], whole["ignore_eos"]) == ([7], True)


def test_sampling_has_a_seed_of_each_request_and_no_hidden_limits():
    config = configure(decoder={"temperature": 0.7}, random_seed=2**32 - 1)
    first, second = (sampling_arguments(config, index) for index in (0, 1))
    assert (first["seed"], second["seed"]) == (2**32 - 1, 0)
    assert (first["temperature"], first["top_k"], first["top_p"]) == (0.7, 0, 1.0)


def test_answers_become_text_only_where_text_stops_them():
    assert sampling_arguments(configure(), 0)["detokenize"] is False
    stopping = configure(vllm={"sampling": {"stop": ["."]}})
    assert sampling_arguments(stopping, 0)["detokenize"] is True


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"vllm": {"engine": {"dtype": "half"}}}, "vllm.engine.dtype is set by this backend: set precision"),
        (
            {"vllm": {"sampling": {"max_tokens": 9}}},
            "vllm.sampling.max_tokens is set by this backend: set workload.max_output_tokens",
        ),
        (
            {"passthrough_kwargs": {"x": 1}},
            "passthrough_kwargs are arguments of from_pretrained: set those of vLLM in vllm: {engine: {...}}",
        ),
        (
            {"weights": "random", "vllm": {"engine": {"load_format": "dummy"}}},
            "vllm.engine.load_format says how weights are read, and weights: random reads none: remove one of the two",
        ),
        (
            {"vllm": {"lora_adapter": "./nowhere"}},
            "vllm.lora_adapter: adapter ./nowhere does not exist → correct the path",
        ),
        (
            {"model": "owner/name/model.gguf"},
            "model owner/name/model.gguf is a .gguf file, and vLLM reads folders as `save_pretrained` writes them: set "
            "model to such a folder or to an id on the Hub",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_vllm_is_imported(fields, refusal):
    assert VLLMBackend().check(configure(**fields)) == [refusal]
