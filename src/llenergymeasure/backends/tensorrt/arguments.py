"""The settings of an experiment as TensorRT-LLM's LLM API takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llenergymeasure.backends.tensorrt.options import TensorRTOptions
from llenergymeasure.config.models import ExperimentConfig

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
RESERVED = {
    "model": "model",
    "tokenizer": "tensorrt.tokenizer",
    "dtype": "precision",
    "revision": "revision",
    "tokenizer_revision": "revision",
    "trust_remote_code": "trust_remote_code",
    "backend": "tensorrt.runtime",
    "tensor_parallel_size": "tensorrt.tensor_parallel_size",
    "pipeline_parallel_size": "tensorrt.pipeline_parallel_size",
    "max_batch_size": "tensorrt.max_batch_size",
    "max_num_tokens": "tensorrt.max_num_tokens",
    "max_seq_len": "tensorrt.max_seq_len",
    "enable_chunked_prefill": "tensorrt.enable_chunked_prefill",
    "kv_cache_config": "tensorrt.kv_cache_... and cache",
    "quant_config": "tensorrt.quantisation",
}
"""Arguments of the LLM class that have a field of their own."""


def options_of(config: ExperimentConfig) -> TensorRTOptions:
    """Return the section `tensorrt`."""
    return config.options_of("tensorrt", TensorRTOptions)


def is_engine(model: str) -> bool:
    """Whether a model is a folder with a prebuilt engine."""
    folder = Path(model).expanduser()
    return (folder / "config.json").is_file() and (folder / "rank0.engine").is_file()


def keeps_prefixes(config: ExperimentConfig) -> bool:
    """Whether blocks of the KV cache are reused by later requests: never under `cache: cold`."""
    return config.cache != "cold"


def llm_arguments(config: ExperimentConfig) -> dict[str, Any]:
    """Return the arguments of `tensorrt_llm.LLM`; imports it."""
    from tensorrt_llm.llmapi import KvCacheConfig

    options = options_of(config)
    kv_cache = {
        "enable_block_reuse": keeps_prefixes(config),
        "dtype": None if options.kv_cache_dtype == "auto" else options.kv_cache_dtype,
        "free_gpu_memory_fraction": options.kv_cache_free_gpu_memory_fraction,
        "max_tokens": options.kv_cache_max_tokens,
    }
    given = {
        "model": config.model,
        "tokenizer": options.tokenizer,
        "backend": options.runtime,
        "trust_remote_code": config.trust_remote_code,
        "revision": config.revision,
        "tokenizer_revision": config.revision,
        "dtype": None if is_engine(config.model) else DTYPES[config.precision],
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "max_batch_size": options.max_batch_size,
        "max_num_tokens": options.max_num_tokens,
        "max_seq_len": options.max_seq_len,
        "enable_chunked_prefill": options.enable_chunked_prefill,
        "kv_cache_config": KvCacheConfig(**_known(kv_cache)),
        "quant_config": None if options.quantisation is None else _quantisation(options.quantisation),
        **(config.passthrough_kwargs or {}),
    }
    return _known(given)


def sampling_arguments(config: ExperimentConfig, index: int, max_tokens: int | None) -> dict[str, Any]:
    """Return the arguments of `SamplingParams` for the request at a place of the workload.

    Greedy decoding is top-k of 1. What sampling draws is a function of the seed and of the place in the workload.
    """
    decoder = config.decoder
    choice: dict[str, Any] = {"top_k": 1}
    if decoder.preset == "sampling":
        choice = {
            "temperature": decoder.temperature or 1.0,
            "top_k": decoder.top_k or 0,
            "top_p": decoder.top_p or 1.0,
            "seed": config.random_seed + index,
        }
    return {
        **choice,
        **({} if decoder.repetition_penalty is None else {"repetition_penalty": decoder.repetition_penalty}),
        "max_tokens": max_tokens or config.workload.max_output_tokens,
        "ignore_eos": decoder.ignore_eos,
        "detokenize": False,
        "return_perf_metrics": True,
    }


def _quantisation(algorithm: str) -> Any:
    from tensorrt_llm.llmapi import QuantAlgo, QuantConfig

    return QuantConfig(quant_algo=QuantAlgo[algorithm])


def _known(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
