"""A model without its weights: its configuration, and the names of its tensors."""

from __future__ import annotations

import importlib.util
from typing import Any

from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.backends.pytorch.loading import quieten_libraries, read_shape
from llenergymeasure.backends.pytorch.rehearsal.architecture import (
    require_architecture,
    require_decoding,
    require_quantisation,
)
from llenergymeasure.backends.pytorch.rehearsal.generator import generator_refusal, state_refusal
from llenergymeasure.backends.pytorch.rehearsal.gguf import gguf_refusal
from llenergymeasure.backends.pytorch.rehearsal.hub import readable_source
from llenergymeasure.backends.pytorch.speculation.drafts import speculates
from llenergymeasure.backends.pytorch.weights.in_files import tensor_refusal
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.content import read_json_object
from llenergymeasure.domain.model.files.located import LocalFiles, local_files
from llenergymeasure.domain.model.hub_access import CONFIG_FILE
from llenergymeasure.domain.model.reference import ModelRef, parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.exceptions import ConfigError, LLEMError


def rehearse(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that loading would fail with; no weights are read.

    What is wrong with the files themselves is not repeated. A model of the Hub that is not in the cache is judged by
    its configuration if that can be fetched in a few seconds. A model's own code is not run for it.
    """
    ref = parse_model_ref(config.model)
    if ref.kind == "url":
        return []  # said by another check
    files = _files(ref, config)
    if files is not None and files.problem(random_weights=config.weights == "random"):
        return []
    try:
        source = find_source(ref)
    except ConfigError:
        return []  # said by another check
    if source.gguf_file:
        refusal = None if files is None else gguf_refusal(files.path)
        return [refusal] if refusal else []
    readable = _readable(ref, source, files, config)
    return [] if readable is None else _refusals(config, readable, files)


def readable_shape(config: ExperimentConfig) -> Any:
    """Return the configuration of a model for which `rehearse` has found nothing; None where it is not read at once."""
    ref = parse_model_ref(config.model)
    try:
        source = find_source(ref)
        readable = None if source.gguf_file else _readable(ref, source, _files(ref, config), config)
        return None if readable is None else read_shape(config, readable)
    except LLEMError:
        return None


def _files(ref: ModelRef, config: ExperimentConfig) -> LocalFiles | None:
    return local_files(ref, config.revision, str((config.passthrough_kwargs or {}).get("subfolder", "")))


def _readable(
    ref: ModelRef, source: ModelSource, files: LocalFiles | None, config: ExperimentConfig
) -> ModelSource | None:
    """Return where the configuration can be read at once without running code of the model's own."""
    if not all(map(importlib.util.find_spec, ("transformers", "torch"))):
        return None
    if config.trust_remote_code and _brings_code(files):
        return None
    return readable_source(ref, source, config) if ref.kind == "hub" else source


def _refusals(config: ExperimentConfig, source: ModelSource, files: LocalFiles | None) -> list[str]:
    quieten_libraries()
    try:
        shape: Any = read_shape(config, source)
        refusal = generator_refusal(config.model, shape)
        if refusal is None and speculates(options_of(config)):
            refusal = state_refusal(config.model, shape)
        if refusal is None:
            _require_loadable(config, source, files, shape)
    except LLEMError as error:
        return [str(error)]
    if refusal is None and files is not None and not files.partial and config.weights != "random":
        refusal = tensor_refusal(files.path, config, shape)
    return [refusal] if refusal else []


def _require_loadable(
    config: ExperimentConfig, source: ModelSource, files: LocalFiles | None, shape: Any
) -> None:
    if config.weights != "random":
        require_quantisation(config, source, shape)
        if files is not None:
            require_decoding(config, files.path)
    require_architecture(config, shape)


def _brings_code(files: LocalFiles | None) -> bool:
    """Whether the model may have code of its own; what is not on this machine may."""
    return files is None or "auto_map" in read_json_object(files.path / CONFIG_FILE)
