"""From the configuration to the arguments of vLLM's engine and of its requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llenergymeasure.backends.vllm.options import VLLMConfig
from llenergymeasure.config.models import DecoderConfig, ExperimentConfig
from llenergymeasure.domain.model.source import ModelSource

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
ITERATION_DETAILS = "enable_logging_iteration_details"
"""The argument with which the scheduler states what it computes in each iteration; newer than the engine itself."""
RESERVED_ENGINE: dict[str, str] = {
    "model": "set model",
    "tokenizer": "set model to a folder that has the tokenizer",
    "tokenizer_mode": "remove it: prompts are encoded by the tokenizer of the model's folder, and sent as token ids",
    "skip_tokenizer_init": "remove it: the engine needs the end token of the tokenizer",
    "revision": "set revision",
    "tokenizer_revision": "set revision",
    "code_revision": "set revision",
    "trust_remote_code": "set trust_remote_code",
    "dtype": "set precision",
    "seed": "set random_seed",
    "generation_config": "set decoder: a model's recommended sampling is never applied, and its end tokens always are",
    "override_generation_config": "set decoder",
    "disable_log_stats": "remove it: the times of requests and the steps come from these statistics",
    "enable_lora": "set vllm.lora_adapter",
    "lora_modules": "set vllm.lora_adapter",
    ITERATION_DETAILS: "remove it: it is on, since the steps come from it",
}
"""Engine arguments that this backend sets itself, and what to do instead."""
RESERVED_SAMPLING: dict[str, str] = {
    "temperature": "set decoder.temperature",
    "top_k": "set decoder.top_k",
    "top_p": "set decoder.top_p",
    "repetition_penalty": "set decoder.repetition_penalty",
    "ignore_eos": "set decoder.ignore_eos",
    "seed": "set random_seed",
    "max_tokens": "set workload.max_output_tokens",
    "n": "remove it: each request has one answer",
    "detokenize": "remove it: answers are counted as token ids, and become text only where `stop` needs it",
    "output_kind": "remove it: every token is streamed as it comes",
}
"""Parameters of requests that this backend sets itself, and what to do instead."""


def options_of(config: ExperimentConfig) -> VLLMConfig:
    """Return the `vllm:` section, all defaults where the user wrote none."""
    return config.options_of("vllm", VLLMConfig)


def engine_arguments(config: ExperimentConfig, source: ModelSource) -> dict[str, Any]:
    """Return the arguments of `AsyncEngineArgs`, those of the user over our choices."""
    options = options_of(config)
    arguments: dict[str, Any] = {
        "model": source.repo,
        "dtype": DTYPES[config.precision],
        "seed": config.random_seed,
        "trust_remote_code": config.trust_remote_code,
        "disable_log_stats": True,  # no lines and no counters of vLLM: our own logger of them turns statistics on
        ITERATION_DETAILS: True,
    }
    if config.revision and not source.is_local:
        arguments |= dict.fromkeys(("revision", "tokenizer_revision", "code_revision"), config.revision)
    if config.weights == "random":
        arguments["load_format"] = "dummy"
    if options.lora_adapter:
        arguments |= {"enable_lora": True, "max_loras": 1}
    return {**arguments, **options.engine}


def sampling_arguments(config: ExperimentConfig, index: int, ends: Sequence[int] = ()) -> dict[str, Any]:
    """Return the arguments of `SamplingParams` for the request at a place in the workload.

    What sampling draws is a function of the seed and of this place, whatever is computed beside the request. `ends`
    are the tokens that end an answer; vLLM's own rule, which also takes the tokenizer's where the model names others,
    is turned off.
    """
    given = dict(options_of(config).sampling)
    stops = [*(() if config.decoder.ignore_eos else ends), *given.pop("stop_token_ids", ())]
    arguments: dict[str, Any] = {
        "max_tokens": config.workload.max_output_tokens,
        "repetition_penalty": config.decoder.repetition_penalty or 1.0,
        "ignore_eos": True,
        "stop_token_ids": stops,
        "detokenize": "stop" in given,
        **_choice(config.decoder),
    }
    if config.decoder.preset == "sampling":
        arguments["seed"] = (config.random_seed + index) % 2**32
    return {**arguments, **given}


def _choice(decoder: DecoderConfig) -> dict[str, Any]:
    """Greedy is temperature 0; sampling draws from the whole vocabulary unless configured otherwise."""
    if decoder.preset == "deterministic":
        return {"temperature": 0.0}
    return {
        "temperature": decoder.temperature or 1.0,
        "top_k": decoder.top_k or 0,
        "top_p": decoder.top_p or 1.0,
    }
