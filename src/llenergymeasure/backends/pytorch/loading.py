"""From the configuration to a model on its device, with its tokenizer."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.pytorch.adapters import with_adapter
from llenergymeasure.backends.pytorch.arguments import (
    build_arguments,
    device_map,
    options_of,
    pretrained_arguments,
    source_arguments,
)
from llenergymeasure.backends.pytorch.error_messages import explain_loading, explain_reading
from llenergymeasure.backends.pytorch.gguf_reading import quantisation_name, read_once
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.backends.pytorch.weights.report import weight_faults
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.cpu import most_threads
from llenergymeasure.domain.model.hub_access import from_cache_unless_answered
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.domain.model.weight_faults import WeightFaults
from llenergymeasure.exceptions import BackendError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Where one is set, the user has chosen the number of threads."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model ready to generate; `quantisation` is how its weights were stored, where the model does not record it."""

    model: Any
    tokenizer: Any
    source: ModelSource
    quantisation: str | None = None
    weight_faults: WeightFaults | None = None


def load(config: ExperimentConfig) -> Loaded:
    """Load tokenizer and model, adapter included, and put the model on its device.

    Raises:
        BackendError: one sentence with what to try.
        ConfigError: no such model on this machine.
    """
    source = from_cache_unless_answered(find_source(parse_model_ref(config.model)), config.revision)
    options = options_of(config)
    quieten_libraries()
    with explain_loading(f"model {config.model}"), read_once() if source.gguf_file else nullcontext():
        _set_threads(options)
        tokenizer = load_tokenizer(config, source)
        faults = None
        if config.weights == "random":
            model = _random_model(config, source)
        else:
            model, faults = _pretrained(config, source)
        quantisation = _stored_quantisation(config, source)
    with explain_loading(f"adapter {options.lora_adapter}"):
        model = with_adapter(model, options) if options.lora_adapter else model
    with explain_loading(f"model {config.model}"):
        model = _on_device(model, config).eval()
        _compile(model, options)
    return Loaded(
        model=model, tokenizer=tokenizer, source=source, quantisation=quantisation, weight_faults=faults
    )


def quieten_libraries() -> None:
    """Turn off progress bars and advice of the libraries; what matters of them is reported by this backend."""
    from huggingface_hub.utils import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _set_threads(options: PyTorchConfig) -> None:
    import torch

    if options.num_threads:
        torch.set_num_threads(options.num_threads)
    elif not any(os.environ.get(name) for name in THREAD_VARIABLES):
        torch.set_num_threads(min(torch.get_num_threads(), most_threads()))


def load_tokenizer(config: ExperimentConfig, source: ModelSource) -> Any:
    """Return the tokenizer of a model, whose weights are not read."""
    from transformers import AutoTokenizer

    with explain_reading(f"model {config.model}", "tokenizer"):
        return AutoTokenizer.from_pretrained(source.repo, **source_arguments(config, source))


def load_config(config: ExperimentConfig, source: ModelSource) -> Any:
    """Return the config of a model, whose weights are not read."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source.repo, **source_arguments(config, source))


def _pretrained(config: ExperimentConfig, source: ModelSource) -> tuple[Any, WeightFaults | None]:
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(
        source.repo, output_loading_info=True, **pretrained_arguments(config, source)
    )
    return model, weight_faults(model, report)


def _random_model(config: ExperimentConfig, source: ModelSource) -> Any:
    """Build the architecture from its config, on its device; `passthrough_kwargs` override the config."""
    import torch
    from transformers import AutoModelForCausalLM

    shape = read_shape(config, source)
    with torch.device(config.device):
        return AutoModelForCausalLM.from_config(
            shape, trust_remote_code=config.trust_remote_code, **build_arguments(config)
        )


def read_shape(config: ExperimentConfig, source: ModelSource) -> Any:
    """Return a model's own configuration, with what `passthrough_kwargs` overrides.

    Raises:
        BackendError: with random weights, a key that the configuration does not have; else it may be the model's.
    """
    from transformers import AutoConfig

    given = config.passthrough_kwargs or {}
    with explain_reading(f"model {config.model}", "config.json"):
        shape, unused = AutoConfig.from_pretrained(
            source.repo, return_unused_kwargs=True, **source_arguments(config, source), **given
        )
    unknown = set(unused) & set(given)
    if unknown and config.weights == "random":
        raise BackendError(
            f"the config of {config.model} has no '{min(unknown)}': correct or remove it in passthrough_kwargs"
        )
    return shape


def _stored_quantisation(config: ExperimentConfig, source: ModelSource) -> str | None:
    if source.gguf_file is None or config.weights == "random":
        return None
    from transformers.utils import cached_file

    return quantisation_name(cached_file(source.repo, source.gguf_file, revision=config.revision))


def _on_device(model: Any, config: ExperimentConfig) -> Any:
    """Move the model unless `device_map` has placed it."""
    placed = config.weights == "pretrained" and device_map(config) is not None
    quantised = getattr(model, "is_quantized", False)
    return model if placed or quantised else model.to(config.device)


def _compile(model: Any, options: PyTorchConfig) -> None:
    """Compile in place; the compiler itself runs at the first batch of each shape, see `execution.compiling`."""
    if not options.torch_compile:
        return
    given = {"mode": options.torch_compile_mode, "backend": options.torch_compile_backend}
    model.compile(**{key: value for key, value in given.items() if value is not None})
