"""Shape and provenance of the loaded model."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.backends.pytorch.facts.execution import read_execution
from llenergymeasure.backends.pytorch.facts.layers.read import read_shape
from llenergymeasure.backends.pytorch.facts.parameters import count_parameters
from llenergymeasure.backends.pytorch.facts.shape import context_length, head_dim, whole
from llenergymeasure.backends.pytorch.loading import Loaded
from llenergymeasure.backends.pytorch.placement import devices_of, uuids_of
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.info import ModelInfo

BEAMS = "beam search decides on its tokens only at the end"


def describe(loaded: Loaded, config: ExperimentConfig, assistant: Any = None) -> ModelInfo:
    """Return shape and provenance of the model as it was loaded, which may differ from the configuration."""
    import torch

    model, faults = loaded.model, loaded.weight_faults
    shape = model.config.get_text_config()
    counts = count_parameters(model)
    options = options_of(config)
    layers, not_understood = read_shape(model, options.cache_implementation)
    heads = whole(shape, "num_attention_heads")
    return ModelInfo(
        name=config.model,
        architecture=type(model).__name__,
        n_parameters=counts.n_parameters,
        n_matmul_parameters=counts.n_matmul_parameters,
        n_layers=whole(shape, "num_hidden_layers"),
        hidden_size=whole(shape, "hidden_size"),
        n_attention_heads=heads,
        n_kv_heads=whole(shape, "num_key_value_heads") or heads,
        head_dim=head_dim(shape),
        vocab_size=whole(shape, "vocab_size"),
        context_length=context_length(shape),
        dtype=str(model.dtype).removeprefix("torch."),
        quantisation=loaded.quantisation or (None if config.weights == "random" else _quantisation(model)),
        attention=getattr(shape, "_attn_implementation", None),
        weight_bytes=counts.weight_bytes,
        weight_bytes_by_device=counts.bytes_by_device,
        assistant_weight_bytes=None if assistant is None else count_parameters(assistant).weight_bytes,
        devices=devices_of(model),
        gpu_uuids=uuids_of(devices_of(model)),
        cpu_threads=torch.get_num_threads(),
        revision=getattr(model.config, "_commit_hash", None)
        or loaded.source.commit
        or loaded.source.package_version
        or config.revision,
        weights="partly random" if faults is not None and faults.n_random else config.weights,
        weight_faults=faults,
        shape=layers,
        execution=read_execution(model, options),
        unknown={
            **counts.unknown,
            **({} if not_understood is None else {"shape": not_understood}),
            **({} if options.num_beams == 1 else dict.fromkeys(("steps", "token_times"), BEAMS)),
        },
    )


def _quantisation(model: Any) -> str | None:
    settings = getattr(model.config, "quantization_config", None)
    if settings is None:
        return None
    given = settings if isinstance(settings, dict) else settings.to_dict()
    if given.get("load_in_4bit"):
        return f"bitsandbytes:{given.get('bnb_4bit_quant_type', '4bit')}"
    if given.get("load_in_8bit"):
        return "bitsandbytes:int8"
    method = given.get("quant_method")
    return str(getattr(method, "value", method)) if method else "unnamed"
