"""Shape and provenance of the loaded model."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.loading import Loaded
from llenergymeasure.backends.pytorch.parameters import (
    count_matmul_parameters,
    count_parameters,
    weight_bytes,
)
from llenergymeasure.backends.pytorch.placement import devices_of
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.info import ModelInfo


def describe(loaded: Loaded, config: ExperimentConfig) -> ModelInfo:
    """Return shape and provenance of the model as it was loaded, which may differ from the configuration."""
    import torch

    model = loaded.model
    shape = model.config.get_text_config()
    heads = _whole(shape, "num_attention_heads")
    hidden = _whole(shape, "hidden_size")
    return ModelInfo(
        name=config.model,
        architecture=type(model).__name__,
        n_parameters=count_parameters(model),
        n_matmul_parameters=count_matmul_parameters(model),
        n_layers=_whole(shape, "num_hidden_layers"),
        hidden_size=hidden,
        n_attention_heads=heads,
        n_kv_heads=_whole(shape, "num_key_value_heads") or heads,
        head_dim=_whole(shape, "head_dim") or (hidden // heads if hidden and heads else None),
        vocab_size=_whole(shape, "vocab_size"),
        context_length=_whole(shape, "max_position_embeddings"),
        dtype=str(model.dtype).removeprefix("torch."),
        quantisation=loaded.quantisation or _quantisation(model),
        attention=getattr(shape, "_attn_implementation", None),
        weight_bytes=weight_bytes(model),
        devices=devices_of(model),
        cpu_threads=torch.get_num_threads(),
        revision=getattr(model.config, "_commit_hash", None)
        or loaded.source.commit
        or loaded.source.package_version
        or config.revision,
        weights=config.weights,
    )


def _whole(shape: Any, name: str) -> int | None:
    value = getattr(shape, name, None)
    return value if isinstance(value, int) and value > 0 else None


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
