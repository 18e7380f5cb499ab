"""The body of a completion states every setting that changes an answer."""

from __future__ import annotations

import json
from typing import Any

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.backends.llamacpp.completion import RANDOM_SEED, completion_body
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt


def body(index: int = 0, limit: int | None = None, **settings: Any) -> dict[str, Any]:
    encoded = EncodedRequest(
        prompt=Prompt(prompt_id="p", text="a", max_output_tokens=limit),
        index=index,
        prompt_tokens=3,
        token_ids=(7, 8, 9),
    )
    config = ExperimentConfig.model_validate(
        {"model": "a.gguf", "backend": "llamacpp", "device": "cpu", **settings}
    )
    made: dict[str, Any] = json.loads(completion_body(encoded, config))
    return made


def test_the_prompt_is_its_tokens_and_the_cache_is_off() -> None:
    made = body(workload={"max_output_tokens": 17})
    assert made["prompt"] == [7, 8, 9]
    assert made["max_tokens"] == 17
    assert made["cache_prompt"] is False


def test_the_limit_of_a_prompt_of_its_own_goes_before_that_of_the_workload() -> None:
    assert body(limit=3, workload={"max_output_tokens": 17})["max_tokens"] == 3


def test_a_warm_cache_is_asked_for() -> None:
    assert body(cache="warm")["cache_prompt"] is True


def test_greedy_decoding_uses_no_sampler_of_its_own() -> None:
    made = body(decoder={"temperature": 0})
    assert (made["samplers"], made["top_k"], made["temperature"]) == (["top_k"], 1, 0.0)
    assert made["repeat_penalty"] == 1.0


def test_sampling_has_the_order_of_transformers_and_penalises_the_whole_context() -> None:
    made = body(decoder={"temperature": 0.5, "top_p": 0.9, "repetition_penalty": 1.2})
    assert made["samplers"] == ["penalties", "temperature", "top_k", "top_p"]
    assert (made["temperature"], made["top_k"], made["top_p"]) == (0.5, 0, 0.9)
    assert (made["repeat_penalty"], made["repeat_last_n"]) == (1.2, 768)


def test_each_prompt_draws_from_a_seed_of_its_own_which_is_never_the_random_one() -> None:
    assert body(index=1, random_seed=7)["seed"] == 8
    assert body(index=3, random_seed=RANDOM_SEED - 3)["seed"] == 0
