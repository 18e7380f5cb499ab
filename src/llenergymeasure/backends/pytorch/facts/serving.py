"""How transformers serves the model, as far as two engines may differ in it."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.core.packages import version_of
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.serving_facts import ServingFacts


def describe_serving(settings: Any, options: PyTorchConfig, info: ModelInfo) -> ServingFacts:
    """Return it from the `GenerationConfig` in force."""
    sampling: dict[str, float | int | bool | str] = {}
    if settings.do_sample:
        sampling = {name: getattr(settings, name) for name in ("temperature", "top_k", "top_p")}
    if settings.repetition_penalty not in (None, 1.0):
        sampling["repetition_penalty"] = settings.repetition_penalty
    if settings.num_beams > 1:
        sampling["num_beams"] = settings.num_beams
    return ServingFacts(
        engine=f"transformers {version_of('transformers')}",
        context_limit=info.context_length,
        stop_token_ids=tuple(settings.eos_token_id or ()),
        sampling=sampling,
        chunked_prefill=False,
        speculative=_speculation(options),
        kv_cache_dtype=info.dtype,
    )


def _speculation(options: PyTorchConfig) -> str:
    if options.assistant_model is not None:
        return "assistant model"
    return "none" if options.prompt_lookup_num_tokens is None else "prompt lookup"
