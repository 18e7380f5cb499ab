"""A configuration that may be shown: what looks like a secret is masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.secrets import MASK, is_secret_name, mask_secrets


def redacted(config: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration as it can be printed; pre-flight refuses to run one that holds a secret."""
    masked: ExperimentConfig = _masked(config)
    return masked


def free_settings(config: ExperimentConfig) -> dict[str, Any]:
    """Return the settings whose keys or values others chose: arguments that are handed on, and options of plugins."""
    return {
        "passthrough_kwargs": config.passthrough_kwargs,
        **_dumped(config.plugin_sections()),
        "energy": _dumped(config.energy.plugin_sections()),
        "workload": config.workload.model_extra,
        "launcher": config.launcher.model_extra,
    }


def _dumped(sections: Mapping[str, BaseModel]) -> dict[str, Any]:
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: _masked(each, key) for key, each in value})
    if isinstance(value, Mapping):
        return {key: _masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_masked(each, name) for each in value)
    if not isinstance(value, str):
        return value
    return MASK if is_secret_name(name) and value else mask_secrets(value)
