"""Decoding settings: how the next token is chosen, and when generation stops."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.config.models import DecoderConfig, ExperimentConfig


def take_over_decoding(model: Any, tokenizer: Any, config: ExperimentConfig) -> Any:
    """Return the `GenerationConfig` of the experiment, built from nothing, and leave the model none of its own.

    transformers fills what is unset from the model's own generation config: without this, a model's recommended
    sampling or penalties would apply to every run.
    """
    from transformers import GenerationConfig

    tokens = special_tokens(model, tokenizer, ignore_eos=config.decoder.ignore_eos)
    model.generation_config = GenerationConfig(**tokens)
    return GenerationConfig(
        max_new_tokens=config.workload.max_output_tokens,
        repetition_penalty=config.decoder.repetition_penalty or 1.0,
        disable_compile=True,  # else a static cache on a GPU compiles the model by default
        **_choice(config.decoder),
        **_search(config),
        **tokens,
    )


def special_tokens(model: Any, tokenizer: Any, *, ignore_eos: bool) -> dict[str, Any]:
    """Return ids of begin, end (possibly several) and padding.

    With `ignore_eos` there is no end: a token that would have been one is an ordinary token. Padding is always masked;
    where there is no token for it, the end token is used. Configs write what is no token for "none", such as -1.
    """
    own, shape, n_rows = model.generation_config, model.config, rows(model)
    ends = end_tokens(own.eos_token_id, shape, tokenizer, n_rows)
    paddings = [
        each for source in (tokenizer.pad_token_id, own.pad_token_id) for each in _token_ids(source, n_rows)
    ]
    return {
        "bos_token_id": next(iter(_token_ids(own.bos_token_id, n_rows)), None),
        "eos_token_id": None if ignore_eos or not ends else ends,
        "pad_token_id": next(iter([*paddings, *ends]), 0),
    }


def end_tokens(decoding: Any, shape: Any, tokenizer: Any, n_rows: int) -> list[int]:
    """Return the tokens that end an answer, of the first that names any: a model's decoding settings, its config, its
    tokenizer; `decoding` is what the first of them says.
    """
    sources = (decoding, getattr(shape, "eos_token_id", None), tokenizer.eos_token_id)
    return next((ids for ids in (_token_ids(source, n_rows) for source in sources) if ids), [])


def pads_apart(model: Any, tokenizer: Any) -> bool:
    """Whether padding has a token that was made for it, and that means nothing else."""
    tokens = special_tokens(model, tokenizer, ignore_eos=False)
    padding = tokens["pad_token_id"]
    declared = (tokenizer.pad_token_id, model.generation_config.pad_token_id)
    others = {*(tokens["eos_token_id"] or ()), tokens["bos_token_id"], tokenizer.eos_token_id}
    return padding in declared and padding not in others


def _token_ids(given: Any, n_rows: int) -> list[int]:
    """Return those ids of a setting, one or a list, that the model has a token for."""
    candidates = given if isinstance(given, (list, tuple)) else [given]
    return [
        each
        for each in candidates
        if isinstance(each, int) and not isinstance(each, bool) and 0 <= each < n_rows
    ]


def rows(model: Any) -> int:
    """Return the number of tokens that the model has an embedding for."""
    return int(model.get_input_embeddings().weight.shape[0])


def _choice(decoder: DecoderConfig) -> dict[str, Any]:
    """Sampling draws from the whole vocabulary unless configured otherwise; transformers would take the best 50."""
    if decoder.preset == "deterministic":
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": decoder.temperature or 1.0,
        "top_k": decoder.top_k or 0,
        "top_p": decoder.top_p or 1.0,
    }


def _search(config: ExperimentConfig) -> dict[str, Any]:
    """Return beams, speculation and cache."""
    options = options_of(config)
    settings: dict[str, Any] = {
        "num_beams": options.num_beams,
        "length_penalty": options.length_penalty,
        "early_stopping": options.early_stopping,
        "use_cache": options.use_cache,
        "cache_implementation": options.cache_implementation,
        "prompt_lookup_num_tokens": options.prompt_lookup_num_tokens,
    }
    return {name: value for name, value in settings.items() if value is not None}
