"""Whether the assistant of speculative decoding can propose tokens to the model, without reading weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llenergymeasure.backends.pytorch.rehearsal.generator import state_refusal
from llenergymeasure.backends.pytorch.rehearsal.gguf import gguf_vocabulary
from llenergymeasure.backends.pytorch.rehearsal.rehearse import readable_shape, rehearse
from llenergymeasure.backends.pytorch.speculation.assistant import (
    SETTING,
    assistant_config,
    vocabulary_refusal,
)
from llenergymeasure.backends.pytorch.unsupported import source_refusals
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.located import local_files
from llenergymeasure.domain.model.reference import GGUF, parse_model_ref


def assistant_refusals(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that would keep the assistant from working; none without one.

    Vocabularies are compared by their size; the tokens themselves, when it is loaded.
    """
    assistant = assistant_config(config)
    if assistant is None:
        return []
    problems = [
        f"{SETTING}: {problem}".replace("`model`", f"`{SETTING}`") for problem in _problems(assistant)
    ]
    return problems or list(_strange(config, assistant))


def _problems(assistant: ExperimentConfig) -> Iterator[str]:
    if assistant.revision is not None and parse_model_ref(assistant.model).is_local:
        yield (
            f"pytorch.assistant_revision is for models on the Hub, and {assistant.model} is on this machine: remove it"
        )
        return
    refused = list(source_refusals(assistant))
    yield from refused or rehearse(assistant)


def _strange(config: ExperimentConfig, assistant: ExperimentConfig) -> Iterator[str]:
    shape = readable_shape(assistant)
    state = None if shape is None else state_refusal(assistant.model, shape)
    if state is not None:
        yield f"{SETTING}: {state}"
    of_assistant, of_model = _vocabulary(assistant, shape), _vocabulary(config, readable_shape(config))
    if of_assistant is not None and of_model is not None:
        refusal = vocabulary_refusal(assistant.model, of_assistant, of_model)
        if refusal is not None:
            yield refusal


def _vocabulary(config: ExperimentConfig, shape: Any) -> int | None:
    files = local_files(parse_model_ref(config.model), config.revision)
    if files is not None and files.path.suffix == GGUF:
        return gguf_vocabulary(files.path)
    size = None if shape is None else getattr(shape.get_text_config(), "vocab_size", None)
    return size if isinstance(size, int) else None
