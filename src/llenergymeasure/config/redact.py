"""A configuration that may be shown: secrets in its free-form settings are masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.secrets import MASK, is_secret_name, mask_secrets


def redacted(config: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration as it can be printed; pre-flight refuses to run one that holds a secret."""
    free_form = {"passthrough_kwargs": config.passthrough_kwargs, "options": config.options}
    return config.model_copy(update={name: _masked(settings) for name, settings in free_form.items()})


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(each, name) for each in value]
    if not isinstance(value, str):
        return value
    return MASK if is_secret_name(name) and value else mask_secrets(value)
