"""Whether transformers can make the model that a folder's small files describe."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llenergymeasure.backends.pytorch.arguments import build_arguments, pretrained_arguments
from llenergymeasure.backends.pytorch.error_messages import explain_reading
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.hub_access import CONFIG_FILE
from llenergymeasure.domain.model.source import ModelSource
from llenergymeasure.exceptions import BackendError

logger = logging.getLogger(__name__)

GENERATION_FILE = "generation_config.json"


def require_architecture(config: ExperimentConfig, shape: Any) -> None:
    """Make the layers of a model, without memory for them.

    Raises:
        BackendError: a value of its configuration is none that the layers know, with its key where that can be told.
    """
    import torch
    from transformers import AutoModelForCausalLM

    own = copy.deepcopy(shape)
    with explain_reading(f"model {config.model}", CONFIG_FILE):
        try:
            with torch.device("meta"):
                AutoModelForCausalLM.from_config(own, **build_arguments(config))
        except Exception as error:
            if (
                "meta" in str(error).lower()
            ):  # layers that compute while they are made: the load does it with memory
                logger.debug("the layers of %s are not known in advance: %s", config.model, error)
                return
            key = _key_of(error, shape.to_dict())
            if key is None:
                raise
            raise BackendError(
                f"model {config.model} cannot be loaded: its {CONFIG_FILE} has no usable value for '{key}' "
                f"({error}): correct it there"
            ) from error


def require_quantisation(config: ExperimentConfig, source: ModelSource, shape: Any) -> None:
    """Ask transformers whether weights that are stored quantised can be used here.

    Raises:
        BackendError: it does not know how, a package is missing, or the device cannot; with what to do.
    """
    stored = getattr(shape, "quantization_config", None)
    if stored is None:
        return
    from transformers.quantizers.auto import AutoHfQuantizer

    arguments = pretrained_arguments(config, source)
    with explain_reading(f"model {config.model}", "quantization_config"):
        settings = AutoHfQuantizer.merge_quantization_configs(
            copy.deepcopy(stored), arguments.get("quantization_config")
        )
        quantizer = AutoHfQuantizer.from_config(settings, pre_quantized=True)
        quantizer.validate_environment(device_map=arguments.get("device_map"), weights_only=True)


def require_decoding(config: ExperimentConfig, folder: Path) -> None:
    """Read the decoding settings of a model, which the experiment replaces, as its loader does.

    Raises:
        BackendError: transformers refuses them, with the file.
    """
    from transformers import GenerationConfig

    name = GENERATION_FILE if (folder / GENERATION_FILE).exists() else CONFIG_FILE
    with explain_reading(f"model {config.model}", name):
        GenerationConfig.from_pretrained(
            folder, config_file_name=name, _from_model_config=name == CONFIG_FILE
        )


def _key_of(error: Exception, settings: Mapping[str, Any]) -> str | None:
    """Return the key with the value that a table of layers does not have; tables raise a KeyError."""
    if not isinstance(error, KeyError) or not error.args:
        return None
    found = [key for key, value in _leaves(settings) if value == error.args[0]]
    return found[0] if len(found) == 1 else None


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
