"""What transformers' `generate` executes beyond what the mathematics asks for."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from llenergymeasure.backends.pytorch.facts.layers.read import caches_latents
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.domain.model.shape import Execution

_Attention = Literal["rectangle", "causal_unless_masked", "causal"]
_ATTENTION: dict[str, _Attention] = {
    "eager": "rectangle",
    "sdpa": "causal_unless_masked",
    "flash_attention_2": "causal",
    "flash_attention_3": "causal",
}


def read_execution(model: Any, options: PyTorchConfig) -> Execution:
    """Return what a model executes when it generates static batches with these options."""
    implementation = getattr(model.config.get_text_config(), "_attn_implementation", None)
    attention = _ATTENTION.get(implementation or "")
    unknown = passes_unknown = _passes_unknown(model, options)
    if unknown is None and attention is None:
        unknown = f"what attention of the kind {implementation} executes is not known"
    if unknown is None and options.cache_implementation not in (None, "dynamic", "offloaded", "quantized"):
        unknown = f"what attention executes with a {options.cache_implementation} KV cache is not counted"
    return Execution(
        attention=attention,
        output_positions="last" if _keeps_last_logits(model) else "all",
        expands_cached_latents=caches_latents(model),
        unknown=unknown,
        passes_unknown=passes_unknown,
    )


def _passes_unknown(model: Any, options: PyTorchConfig) -> str | None:
    """Return why the number of forward passes, or the rows in them, do not follow from the answers."""
    if options.num_beams > 1:
        return "beam search computes several candidates of an answer, for a number of steps that answers do not tell"
    if not options.use_cache or "past_key_values" not in _arguments(model):
        return "without a KV cache every step computes all tokens again, which is not counted"
    if options.prompt_lookup_num_tokens or options.assistant_model:
        return "speculative decoding computes drafts that answers do not tell of"
    return None


def _keeps_last_logits(model: Any) -> bool:
    """Whether `generate` asks for the last position's logits alone: it does where the model can tell them apart."""
    return "logits_to_keep" in _arguments(model)


def _arguments(model: Any) -> frozenset[str]:
    return frozenset(inspect.signature(type(model).forward).parameters)
