"""From the configuration to the arguments of `from_pretrained`."""

from __future__ import annotations

import importlib.util
from typing import Any

from llenergymeasure.config.models import ExperimentConfig, PyTorchConfig
from llenergymeasure.domain.model.source import ModelSource

RESERVED: dict[str, str] = {
    "dtype": "precision",
    "torch_dtype": "precision",
    "quantization_config": "pytorch.load_in_4bit or pytorch.load_in_8bit",
    "gguf_file": "model to the path of the .gguf file",
    "pretrained_model_name_or_path": "model",
    "generation_config": "decoder and workload.max_output_tokens",
    "config": "model to a folder with that config.json",
    "state_dict": "model to a folder with those weights",
    "output_loading_info": "nothing: missing weights are reported as a warning",
    "weights_only": "nothing: weights that are more than tensors are never loaded",
    "max_memory": "pytorch.device_map to an explicit map",
    "do_sample": "decoder.preset",
    "temperature": "decoder.temperature",
    "top_k": "decoder.top_k",
    "top_p": "decoder.top_p",
    "repetition_penalty": "decoder.repetition_penalty",
    "seed": "random_seed",
    "max_new_tokens": "workload.max_output_tokens",
    "max_length": "workload.max_output_tokens",
}
"""Arguments that this backend sets itself, and what to set instead."""
_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def options_of(config: ExperimentConfig) -> PyTorchConfig:
    """Return the `pytorch:` section, all defaults where the user wrote none."""
    return config.pytorch or PyTorchConfig()


def torch_dtype(precision: str) -> Any:
    """Return the torch data type of a precision's name."""
    import torch

    return getattr(torch, _DTYPES[precision])


def source_arguments(config: ExperimentConfig, source: ModelSource) -> dict[str, Any]:
    """Return what model, config and tokenizer have in common: which files, and whether their code may run."""
    arguments: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    if source.gguf_file:
        arguments["gguf_file"] = source.gguf_file
    if config.revision and not source.is_local:
        arguments["revision"] = config.revision
    return arguments


def build_arguments(config: ExperimentConfig) -> dict[str, Any]:
    """Return the arguments that a model needs with any weights: data type and attention."""
    arguments: dict[str, Any] = {_dtype_key(): torch_dtype(config.precision)}
    attention = options_of(config).attn_implementation
    if attention:
        arguments["attn_implementation"] = attention
    return arguments


def pretrained_arguments(config: ExperimentConfig, source: ModelSource) -> dict[str, Any]:
    """Return all arguments of `AutoModelForCausalLM.from_pretrained`."""
    arguments = {**source_arguments(config, source), **build_arguments(config)}
    placement = device_map(config)
    if placement is not None:
        arguments["device_map"] = placement
    quantisation = _quantisation(config, source)
    if quantisation is not None:
        arguments["quantization_config"] = quantisation
    return {**arguments, **(config.passthrough_kwargs or {})}


def device_map(config: ExperimentConfig) -> Any:
    """Return the placement: as configured, else directly onto the one GPU, which spares a copy through host memory."""
    configured = options_of(config).device_map
    if configured is None and config.device == "cuda" and importlib.util.find_spec("accelerate"):
        return {"": "cuda:0"}
    return configured


def _dtype_key() -> str:
    """transformers renamed the argument in 4.56."""
    from transformers import __version__

    major, minor = (int(part) for part in __version__.split(".")[:2])
    return "dtype" if (major, minor) >= (4, 56) else "torch_dtype"


def _quantisation(config: ExperimentConfig, source: ModelSource) -> Any:
    options = options_of(config)
    if source.gguf_file:
        return _unpacked_gguf()
    if options.load_in_4bit or options.load_in_8bit:
        return _bitsandbytes(options, config.precision)
    return None


def _unpacked_gguf() -> Any:
    """Ask transformers 5 to unpack GGUF weights.

    By default it fetches native kernels from the Hub where the `kernels` package is installed: code that is in no
    configuration, and another arithmetic than on the next machine.
    """
    try:
        from transformers import GgufConfig
    except ImportError:
        return None  # older versions always unpack
    return GgufConfig(dequantize=True)


def _bitsandbytes(options: PyTorchConfig, precision: str) -> Any:
    from transformers import BitsAndBytesConfig

    if options.load_in_8bit:
        return BitsAndBytesConfig(load_in_8bit=True)
    optional = {
        "bnb_4bit_quant_type": options.bnb_4bit_quant_type,
        "bnb_4bit_use_double_quant": options.bnb_4bit_use_double_quant,
    }
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_compute_dtype=torch_dtype(options.bnb_4bit_compute_dtype or precision),
        **{key: value for key, value in optional.items() if value is not None},
    )
