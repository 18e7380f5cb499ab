"""What a configuration measures, as a short hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from llenergymeasure.config.base import NOT_MEASURED
from llenergymeasure.config.defaults import first_default

REQUIRED = object()
"""In place of the default of a field that has none."""


def config_hash(config: BaseModel, backend: str) -> str:
    """Return sixteen hex digits (SHA-256) that name what is measured.

    They cover the fields that affect the measurement and differ from the default that they had when they were
    introduced. So a new field leaves all hashes as they are, and a changed default gives a new one to those who rely
    on it. Without its section, a backend has its default options: an empty section is the same.
    """
    measured = {
        name: value for name, value in _differing(config, "").items() if (name, value) != (backend, {})
    }
    return hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()[:16]


def _differing(section: BaseModel, path: str) -> dict[str, Any]:
    """Return the JSON values of the measured fields that differ from their first defaults, section by section."""
    differing: dict[str, Any] = {}
    for name, value in section:
        field = type(section).model_fields.get(name)
        if field is not None and NOT_MEASURED in field.metadata:
            continue
        default = _default(field, path + name)
        found = _plain(value, f"{path}{name}.")
        if isinstance(value, BaseModel) and isinstance(default, BaseModel):
            if type(value) is not type(default):
                differing[name] = {"kind": getattr(value, "kind", type(value).__name__), **found}
            elif found:
                differing[name] = found
        elif field is None and isinstance(value, BaseModel) and not found:
            continue  # the section of a plugin in which nothing differs is the same as none
        elif default is REQUIRED or found != to_jsonable_python(default):
            differing[name] = found
    return differing


def _default(field: FieldInfo | None, path: str) -> Any:
    """Return the first default of a field; of one in no table, such as a plugin's, the present one."""
    try:
        return first_default(path)
    except LookupError:
        return (
            REQUIRED if field is None or field.is_required() else field.get_default(call_default_factory=True)
        )


def _plain(value: Any, path: str) -> Any:
    """Return the JSON value; of sections, at any depth, what differs in them."""
    if isinstance(value, BaseModel):
        return _differing(value, path)
    if isinstance(value, (list, tuple)):
        return [_plain(each, path) for each in value]
    return to_jsonable_python(value)
