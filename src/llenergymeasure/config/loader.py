"""Read a configuration from a file and overrides, and write it back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.config.assignments import deep_merge, parse_assignments
from llenergymeasure.config.error_paths import value_at
from llenergymeasure.config.yaml_text import Document, KeyPath, TextFault, parse_text
from llenergymeasure.core.files.packed import HEAD_BYTES, no_text
from llenergymeasure.exceptions import ConfigError

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.config.validation import Fault

__all__ = ["MAX_BYTES", "dump_config", "load_config", "parse_assignments", "read_settings"]

MAX_BYTES = 1_000_000
HEADER = """\
# Resolved configuration of one experiment (llenergymeasure {version}).
# Repeat it with: llem run {file}
# Relative paths count from the folder in which llem is run.
"""


def load_config(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    origins: Mapping[KeyPath, str] | None = None,
) -> ExperimentConfig:
    """Return the configuration of a YAML file with overrides laid over it, field by field.

    `origins` says where an override came from, by the path of its key (`{("device",): "--device"}`), for messages.

    Raises:
        ConfigError: with every fault at once: file and line or origin, key, what is allowed, what was given.
    """
    document = Document(value={}) if path is None else _read(path)
    data = deep_merge(document.value, _plain(overrides or {}))
    labels = {key: f"{path}:{line}" for key, line in document.lines.items()}
    given = {} if path is None else dict.fromkeys(_leaves(overrides or {}), "overrides")
    for key, origin in {**given, **(origins or {})}.items():
        for length in range(
            1, len(key) + 1
        ):  # an override may put a section where the file has a value, or nothing
            if length == len(key) or not isinstance(value_at(document.value, key[:length]), Mapping):
                labels[key[:length]] = origin
    return _validate(data, labels, None if path is None else str(path))


def dump_config(config: ExperimentConfig, file: str = "config.yaml") -> str:
    """Return the YAML text of a configuration, every field included; it loads back equal."""
    import yaml

    from llenergymeasure.config.yaml_loader import dumper_class
    from llenergymeasure.constants import VERSION

    body = yaml.dump(
        config.model_dump(mode="json"),
        Dumper=dumper_class(),
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return HEADER.format(version=VERSION, file=file) + body


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a YAML file as they are written.

    Raises:
        ConfigError: it cannot be read, or is not a mapping.
    """
    return dict(_read(path).value)


def _read(path: Path) -> Document:
    try:
        document = parse_text(_text_of(path))
    except TextFault as fault:
        raise ConfigError(fault.in_file(str(path))) from None
    if document.value is None:
        raise ConfigError(f"{path} is empty: it needs at least `model: NAME`")
    if not isinstance(document.value, dict):
        raise ConfigError(
            f"{path} holds no settings: it must be a mapping such as `model: NAME`, one key per line"
        )
    return document


def _text_of(path: Path) -> str:
    if os.path.isdir(path):  # False for a name that is too long, too
        raise ConfigError(f"{path} is a folder: name the YAML file in it{_config_inside(path)}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB: that is no configuration")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        other = (
            no_text(content[:HEAD_BYTES]) or f"not a text file in UTF-8 (byte {error.start} cannot be read)"
        )
        raise ConfigError(f"{path} is {other}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _config_inside(folder: Path) -> str:
    inside = folder / "config.yaml"
    return f", {inside}" if inside.is_file() else ""


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides from Python as the plain values that YAML would give."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        plain: dict[str, Any] = to_jsonable_python(dict(overrides), inf_nan_mode="constants")
    except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"a setting is no plain value (text, number, list, mapping): {reason}") from None
    return plain


def _leaves(settings: Mapping[str, Any], path: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _validate(data: dict[str, Any], labels: Mapping[KeyPath, str], name: str | None) -> ExperimentConfig:
    from pydantic import ValidationError

    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.config.validation import faults

    try:
        return ExperimentConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_report(faults(error, data, ExperimentConfig), labels, name)) from None


def _report(faults: Sequence[Fault], labels: Mapping[KeyPath, str], name: str | None) -> str:
    order = {key: index for index, key in enumerate(labels)}
    in_order = sorted(faults, key=lambda fault: order.get(fault.path, len(order)))
    lines = [_located(fault, labels, name) for fault in in_order]
    if len(lines) == 1:
        return lines[0]
    return "\n  ".join([f"{len(lines)} faults in the configuration", *lines])


def _located(fault: Fault, labels: Mapping[KeyPath, str], name: str | None) -> str:
    for length in range(len(fault.path), 0, -1):
        label = labels.get(fault.path[:length])
        if label is not None:
            return f"{label}: {fault.sentence}"
    return f"{name}: {fault.sentence}" if name else fault.sentence
