"""The body of a completion: every setting that changes an answer is stated, none is left to llama.cpp's defaults."""

from __future__ import annotations

import json
from typing import Any

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.backends.llamacpp.parameters import context_of_slot, keeps_prefixes
from llenergymeasure.config.models import DecoderConfig, ExperimentConfig

RANDOM_SEED = 2**32 - 1
"""llama.cpp takes this seed for "another one each time"."""


def completion_body(encoded: EncodedRequest, config: ExperimentConfig) -> bytes:
    """Return a streamed completion of a prompt's tokens as JSON.

    What sampling draws is a function of the seed and of the prompt's place in the workload.
    """
    body = {
        "prompt": list(encoded.token_ids),
        "max_tokens": encoded.prompt.max_output_tokens or config.workload.max_output_tokens,
        "seed": (config.random_seed + encoded.index) % RANDOM_SEED,
        "ignore_eos": config.decoder.ignore_eos,
        "cache_prompt": keeps_prefixes(config),
        "stream": True,
        "stream_options": {"include_usage": True},
        "timings_per_token": True,  # each message says how many tokens have come
        "return_progress": True,  # a message when a slot begins with the prompt
        **_choice(config.decoder, context_of_slot(config)),
    }
    return json.dumps(body).encode()


def _choice(decoder: DecoderConfig, context: int) -> dict[str, Any]:
    """How the next token is chosen; in the order of transformers: penalty, temperature, top k, top p."""
    penalty, samplers = {"repeat_penalty": 1.0, "repeat_last_n": 0}, []
    if decoder.repetition_penalty is not None:
        penalty = {"repeat_penalty": decoder.repetition_penalty, "repeat_last_n": context}
        samplers.append("penalties")
    if decoder.preset == "deterministic":
        return {**penalty, "samplers": [*samplers, "top_k"], "temperature": 0.0, "top_k": 1}
    return {
        **penalty,
        "samplers": [*samplers, "temperature", "top_k", "top_p"],
        "temperature": decoder.temperature or 1.0,
        "top_k": decoder.top_k or 0,
        "top_p": decoder.top_p or 1.0,
    }
