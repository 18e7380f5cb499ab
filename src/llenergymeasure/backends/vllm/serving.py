"""How vLLM serves the model, as far as two engines may differ in it."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.decoding import end_tokens
from llenergymeasure.backends.vllm.arguments import sampling_arguments
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.serving_facts import ServingFacts

NEUTRAL = {"temperature": 0.0, "repetition_penalty": 1.0}
NO_DECODING = frozenset({"max_tokens", "ignore_eos", "stop_token_ids", "detokenize", "seed"})
"""Parameters of a request that do not say how a token is chosen."""


def describe_serving(resolved: Any, config: ExperimentConfig, tokenizer: Any) -> ServingFacts:
    """Return it from vLLM's resolved configuration; answers end with the same tokens as those of `pytorch`."""
    import vllm

    model, cache = resolved.model_config, resolved.cache_config
    speculative = resolved.speculative_config
    shape = model.hf_text_config
    decoding = model.try_get_generation_config().get("eos_token_id")
    ends = () if config.decoder.ignore_eos else end_tokens(decoding, shape, tokenizer, shape.vocab_size)
    given = sampling_arguments(config, 0, ends)
    return ServingFacts(
        engine=f"vllm {vllm.__version__}",
        context_limit=model.max_model_len,
        stop_token_ids=tuple(given["stop_token_ids"]),
        sampling={
            name: value if isinstance(value, (bool, int, float)) else str(value)
            for name, value in given.items()
            if name not in NO_DECODING and NEUTRAL.get(name) != value
        },
        chunked_prefill=bool(resolved.scheduler_config.enable_chunked_prefill),
        speculative="none" if speculative is None else str(speculative.method),
        kv_cache_dtype=str(model.dtype).removeprefix("torch.")
        if cache.cache_dtype == "auto"
        else str(cache.cache_dtype),
    )
