"""The assistant of speculative decoding: a smaller model that proposes tokens to the one that is measured."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.backends.pytorch.decoding import rows, special_tokens
from llenergymeasure.backends.pytorch.loading import Loaded, load
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.exceptions import BackendError

SETTING = "pytorch.assistant_model"
DRAFTED_TOKENS = 5
"""Where `num_assistant_tokens` is not given. The default of transformers, twenty that end where the assistant is less
than 40 % sure, depends on whether scikit-learn is installed."""


def assistant_config(config: ExperimentConfig) -> ExperimentConfig | None:
    """Return the assistant as a model of its own, so that it is looked into and loaded as the model is; else None.

    It is computed in the precision, on the device and with the attention of the model, never quantised or compiled.
    """
    options = options_of(config)
    if options.assistant_model is None:
        return None
    own = PyTorchConfig(attn_implementation=options.attn_implementation, num_threads=options.num_threads)
    changes = {"model": options.assistant_model, "revision": options.assistant_revision}
    return config.model_copy(update={**changes, "pytorch": own, "passthrough_kwargs": None})


def load_assistant(config: ExperimentConfig, loaded: Loaded) -> Any:
    """Return the assistant on its device, to propose a fixed number of tokens each time; None where none is asked for.

    Raises:
        BackendError: it cannot be loaded, or has another vocabulary than the model.
    """
    from transformers import GenerationConfig

    own = assistant_config(config)
    if own is None:
        return None
    assistant = load(own)
    _require_same_vocabulary(own.model, assistant, loaded)
    tokens = special_tokens(loaded.model, loaded.tokenizer, ignore_eos=config.decoder.ignore_eos)
    assistant.model.generation_config = GenerationConfig(
        num_assistant_tokens=options_of(config).num_assistant_tokens or DRAFTED_TOKENS,
        num_assistant_tokens_schedule="constant",
        assistant_confidence_threshold=0.0,
        **tokens,
    )
    return assistant.model


def vocabulary_refusal(name: str, rows_of_assistant: int, rows_of_model: int) -> str | None:
    """Return why an assistant cannot propose tokens, or None."""
    if rows_of_assistant == rows_of_model:
        return None
    return (
        f"{SETTING}: {name} has embeddings of {rows_of_assistant:,} tokens and the model of {rows_of_model:,}, and "
        "tokens are proposed by their number: use a smaller model of the same family, with as many (vocab_size)"
    )


def _require_same_vocabulary(name: str, assistant: Loaded, loaded: Loaded) -> None:
    refusal = vocabulary_refusal(name, rows(assistant.model), rows(loaded.model))
    if refusal is None and assistant.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        refusal = (
            f"{SETTING}: {name} writes other tokens than the model (its tokenizer has another vocabulary of the same "
            "size): use a smaller model of the same family"
        )
    if refusal is not None:
        raise BackendError(refusal)
