"""The configuration of a bundle, read as the present version has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llenergymeasure import plugins
from llenergymeasure.config.base import StoredOptions
from llenergymeasure.config.defaults import CONFIG_VERSION
from llenergymeasure.config.loader import load_config, read_settings
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.results import layout
from llenergymeasure.results.documents import DocumentError, Parsed, parse_document
from llenergymeasure.results.migrate import migrate_document
from llenergymeasure.results.versions import DRAFT


def read_config(path: Path) -> Parsed[ExperimentConfig]:
    """Read a config.yaml; fields that a newer release added are left out and named.

    Raises:
        ConfigError: it is not a configuration; with file, line and key.
    """
    settings = read_settings(path)
    version = settings.get("config_version")
    try:
        if version is None:
            settings = migrate_document(layout.CONFIG, settings, DRAFT)
        value, unknown = _parse(settings)
    except (DocumentError, LookupError, TypeError, ValueError):
        return Parsed(value=load_config(path), version=str(version))  # for its messages
    return Parsed(value=value, version=str(version), unknown=unknown)


def with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Return stored settings with the fields that were added since, each with its default; broken ones as they are."""
    try:
        value, _ = _parse(settings)
    except (DocumentError, LookupError, TypeError, ValueError):
        return settings
    return value.model_dump(mode="json")


def unchecked_plugins(config: ExperimentConfig) -> tuple[str, ...]:
    """Return the plugins whose options could not be checked, because they are not installed here."""
    sections = [*config, *config.energy]
    return tuple(name for name, value in sections if isinstance(value, StoredOptions))


def _parse(settings: dict[str, Any]) -> tuple[ExperimentConfig, tuple[str, ...]]:
    with plugins.assumed(*_missing_plugins(settings)):
        return parse_document(_present(settings), ExperimentConfig, strict=False)


def _missing_plugins(settings: dict[str, Any]) -> Iterator[tuple[plugins.Kind, str]]:
    """Yield the plugins that are not installed here; their options are taken as they were stored."""
    energy, workload, launcher = (settings.get(name) or {} for name in ("energy", "workload", "launcher"))
    chosen: tuple[tuple[plugins.Kind, Any], ...] = (
        ("backends", settings.get("backend")),
        ("workloads", workload.get("dataset") if isinstance(workload, dict) else None),
        ("launchers", launcher.get("kind") if isinstance(launcher, dict) else None),
    )
    for kind, name in chosen:
        if isinstance(name, str) and not plugins.is_implemented(kind, name):
            yield kind, name
    for name in _meters(energy) if isinstance(energy, dict) else ():
        if not plugins.is_implemented("meters", name):
            yield "meters", name


def _meters(energy: dict[str, Any]) -> Iterator[str]:
    """Yield the meters that the section names or has options for."""
    named = energy.get("meters")
    for name in named if isinstance(named, list) else [named]:
        if isinstance(name, str):
            yield name
    yield from (name for name, options in energy.items() if isinstance(options, dict))


def _present(settings: dict[str, Any]) -> dict[str, Any]:
    """A resolved configuration states every field, so the defaults of a newer version do not matter."""
    version = settings.get("config_version")
    newer = isinstance(version, int) and version > CONFIG_VERSION
    return {**settings, "config_version": CONFIG_VERSION} if newer else settings
