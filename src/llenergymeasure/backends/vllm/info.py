"""Shape and provenance of the model that vLLM loaded."""

from __future__ import annotations

import os
from typing import Any

from llenergymeasure.backends.pytorch.facts.layers.read import caches_latents, read_shape
from llenergymeasure.backends.pytorch.facts.parameters import ParameterCounts, count_parameters
from llenergymeasure.backends.pytorch.facts.shape import head_dim, whole
from llenergymeasure.backends.vllm.arguments import options_of
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.nvidia.nvml import find_gpus
from llenergymeasure.core.nvidia.visible import is_order_known, select_visible
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import Execution, ModelShape
from llenergymeasure.domain.model.source import ModelSource
from llenergymeasure.exceptions import BackendError, MeterUnavailable
from llenergymeasure.foreign_code import explained


def describe(
    vllm_config: Any, config: ExperimentConfig, source: ModelSource, steps_unknown: str | None
) -> ModelInfo:
    """Return shape and provenance of the model as vLLM resolved its configuration.

    Its layers are those that transformers makes of the same configuration, without memory for them.
    """
    model, shape = vllm_config.model_config, vllm_config.model_config.hf_text_config
    counts, layers, execution, unknown = _layers(vllm_config, config)
    if steps_unknown is not None:
        unknown["steps"] = steps_unknown
    heads = whole(shape, "num_attention_heads")
    devices = devices_of(vllm_config, config.device)
    return ModelInfo(
        name=config.model,
        architecture=str(next(iter(model.hf_config.architectures or ()), type(model.hf_config).__name__)),
        n_parameters=None if counts is None else counts.n_parameters,
        n_matmul_parameters=None if counts is None else counts.n_matmul_parameters,
        n_layers=whole(shape, "num_hidden_layers"),
        hidden_size=whole(shape, "hidden_size"),
        n_attention_heads=heads,
        n_kv_heads=whole(shape, "num_key_value_heads") or heads,
        head_dim=head_dim(shape),
        vocab_size=whole(shape, "vocab_size"),
        context_length=model.max_model_len,
        dtype=str(model.dtype).removeprefix("torch."),
        quantisation=None if model.quantization is None else str(model.quantization),
        weight_bytes=None if counts is None or model.quantization is not None else counts.weight_bytes,
        devices=devices,
        gpu_uuids=_uuids(devices),
        revision=getattr(model.hf_config, "_commit_hash", None)
        or source.commit
        or source.package_version
        or config.revision,
        weights=config.weights,
        shape=layers,
        execution=execution,
        unknown=unknown,
    )


def devices_of(vllm_config: Any, device: str) -> tuple[str, ...]:
    """Return the devices of all ranks on this machine."""
    parallel = vllm_config.parallel_config
    ranks = parallel.world_size * getattr(parallel, "data_parallel_size_local", 1)
    return ("cpu",) if device == "cpu" else tuple(f"cuda:{index}" for index in range(ranks))


def _layers(
    vllm_config: Any, config: ExperimentConfig
) -> tuple[ParameterCounts | None, ModelShape | None, Execution | None, dict[str, str]]:
    import torch
    from transformers import AutoModelForCausalLM

    hf_config, dtype = vllm_config.model_config.hf_config, vllm_config.model_config.dtype
    try:
        with explained(BackendError), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(
                hf_config, trust_remote_code=config.trust_remote_code, torch_dtype=dtype
            )
            counts = count_parameters(model)
    except BackendError as error:
        reason = f"transformers does not make its layers: {error}"
        return None, None, None, dict.fromkeys(("n_parameters", "n_matmul_parameters", "shape"), reason)
    unknown = dict(counts.unknown)
    layers, not_understood = read_shape(model)
    if not_understood is None:
        not_understood = _other_layers(vllm_config, config)
    if not_understood is not None:
        layers, unknown["shape"] = None, not_understood
    return counts, layers, _execution(vllm_config, model), unknown


def _other_layers(vllm_config: Any, config: ExperimentConfig) -> str | None:
    """Return why the layers in the engine are other ones than transformers makes of the configuration."""
    if vllm_config.model_config.quantization is not None:
        return "its weights are quantised, and vLLM does not tell how many bytes its layers take"
    if options_of(config).lora_adapter is not None:
        return "vLLM does not tell which layers the adapter adds to"
    if vllm_config.cache_config.cache_dtype not in ("auto", "bfloat16", "float16", "float32"):
        return f"a KV cache of the type {vllm_config.cache_config.cache_dtype} is not counted"
    return None


def _execution(vllm_config: Any, model: Any) -> Execution:
    """Return what vLLM executes: attention by blocks of the KV cache, requests side by side without padding."""
    unknown = None
    if caches_latents(model):
        unknown = "what vLLM computes of compressed latents depends on its attention kernel"
    speculates = vllm_config.speculative_config is not None
    drafts = "speculative decoding computes drafts that answers do not tell of" if speculates else None
    return Execution(
        attention="causal", pads=False, output_positions="last", unknown=unknown, passes_unknown=drafts
    )


def _uuids(devices: tuple[str, ...]) -> dict[str, str]:
    """Return the UUIDs of the cards, by device; nothing where NVML does not answer."""
    if devices == ("cpu",):
        return {}
    try:
        cards = select_visible(find_gpus(), os.environ)
    except MeterUnavailable:
        return {}
    known = is_order_known(cards, os.environ)
    by_name = {f"cuda:{index}": card.uuid for index, card in enumerate(cards) if card.fault is None}
    return {device: by_name[device] for device in devices if device in by_name} if known else {}
