"""A model without its weights: its configuration, and the names of its tensors."""

from __future__ import annotations

import importlib.util
from typing import Any

from llenergymeasure.backends.pytorch.loading import quieten_libraries, read_shape
from llenergymeasure.backends.pytorch.rehearsal.generator import generator_refusal
from llenergymeasure.backends.pytorch.rehearsal.hub import config_was_fetched
from llenergymeasure.backends.pytorch.weights.in_files import tensor_refusal
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.located import LocalFiles, local_files
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.exceptions import ConfigError, LLEMError


def rehearse(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that loading would fail with; no weights are read.

    What is wrong with the files themselves is not repeated. A model of the Hub that is not in the cache is judged by
    its configuration if that can be fetched in a few seconds. A model's own code is not run for it.
    """
    ref = parse_model_ref(config.model)
    files = local_files(ref, config.revision, str((config.passthrough_kwargs or {}).get("subfolder", "")))
    if files is not None and files.problem(random_weights=config.weights == "random"):
        return []
    try:
        source = find_source(ref)
    except ConfigError:
        return []  # said by another check
    modules = ("transformers", "torch")
    if source.gguf_file or config.trust_remote_code or not all(map(importlib.util.find_spec, modules)):
        return []
    if files is None and not config_was_fetched(ref, config):
        return []
    return _refusals(config, source, files)


def _refusals(config: ExperimentConfig, source: ModelSource, files: LocalFiles | None) -> list[str]:
    quieten_libraries()
    try:
        shape: Any = read_shape(config, source)
    except LLEMError as error:
        return [str(error)]
    refusal = generator_refusal(config.model, shape)
    if refusal is None and files is not None and not files.partial and config.weights != "random":
        refusal = tensor_refusal(files.path, config, shape)
    return [refusal] if refusal else []
