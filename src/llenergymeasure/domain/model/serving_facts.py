"""How an engine serves the model, as it was loaded."""

from __future__ import annotations

from llenergymeasure.core.record import Record


class ServingFacts(Record):
    """What two engines may do differently with the same requests; None where the backend does not tell."""

    engine: str | None = None
    """Software and version: `transformers 5.1.0`."""
    context_limit: int | None = None
    """Tokens that a request may have at most, prompt and answer together."""
    stop_token_ids: tuple[int, ...] | None = None
    """Tokens that end an answer; empty where none does."""
    sampling: dict[str, float | int | bool | str] | None = None
    """The settings of decoding in force, defaults of the engine and of the model among them; empty for greedy
    decoding without any penalty."""
    chunked_prefill: bool | None = None
    """Whether a long prompt is read in parts, between steps of other requests."""
    speculative: str | None = None
    """The method of speculative decoding; `none` without it."""
    kv_cache_dtype: str | None = None
    """Data type of the keys and values that are kept."""
    head_token_ids: tuple[int, ...] | None = None
    """The first tokens of the prompts as far as all prompts have them in common, eight at most; None where the ids are
    not known, and for one prompt."""
