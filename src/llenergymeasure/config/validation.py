"""Pydantic's errors in the words of a configuration file, each with the key it is about."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llenergymeasure import plugins
from llenergymeasure.config import messages
from llenergymeasure.config.error_paths import LocatedError, locate, value_at
from llenergymeasure.config.plugin_options import options_models
from llenergymeasure.config.schema import Schema, alternatives, document_of, field_at, field_paths
from llenergymeasure.config.yaml_text import KeyPath

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_RULES = frozenset({"value_error", "assertion_error", "plugin_error"})
"""Errors whose message is a sentence of ours or of a plugin's model."""
_EXPRESSED = frozenset(
    {
        "bool_type",
        "dict_type",
        "float_type",
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "int_from_float",
        "int_type",
        "less_than",
        "less_than_equal",
        "list_type",
        "literal_error",
        "model_type",
        "none_required",
        "string_too_short",
        "string_type",
        "tuple_type",
        "union",
    }
)
"""Errors about what `messages.allowed` says of a field; others keep the validator's message."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing to correct; `path` is the key whose line helps to find it."""

    path: KeyPath
    sentence: str


def faults(error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]) -> list[Fault]:
    """Return a fault for each error that validating `data` as `model` raised."""
    document = document_of(model)
    return [_fault(each, data, model, document) for each in locate(error, data, _EXPRESSED)]


def _fault(each: LocatedError, data: Mapping[str, Any], model: type[BaseModel], document: Schema) -> Fault:
    name = each.name
    if each.kind == "extra_forbidden":
        return Fault(path=each.path, sentence=_unknown_key(each, document))
    if each.kind == "missing":
        return Fault(path=each.path, sentence=_missing(each, document))
    if each.kind in ("union_tag_invalid", "union_tag_not_found", "model_attributes_type"):
        return _wrong_kind(each, document)
    if each.kind in _RULES:
        prefix = f"{name}: " if name else ""
        return Fault(path=_named_in(each, data), sentence=prefix + each.message)
    field = field_at(document, each.path)
    if field is None or each.kind not in _EXPRESSED:
        return Fault(path=each.path, sentence=f"{name}: {each.message}, not {messages.given(each.value)}")
    hint = messages.hint(field, each.value, lambda value: _accepts(model, data, each.path, value))
    return Fault(path=each.path, sentence=f"{name} {_must_be(field, each.value)}{hint}")


def _must_be(field: Schema, value: Any) -> str:
    section = next((each for each in alternatives(field) if "properties" in each), None)
    if section is not None and value is None:
        return "is empty: indent its settings below it, or remove the key"
    if value == "":
        return "must not be empty"
    return f"must be {messages.allowed(field, value)}, not {messages.given(value)}"


def _wrong_kind(each: LocatedError, document: Schema) -> Fault:
    field = field_at(document, each.path) or {}
    key = field.get("discriminator", {}).get("propertyName", "kind")
    kinds = {"enum": [kind for member in alternatives(field) for kind in _constants(member, key)]}
    path = (*each.path, key)
    if not isinstance(each.value, Mapping):
        hint = f" (write `{{{key}: {each.value}}}`)" if each.value in kinds["enum"] else ""
        sentence = f"{each.name} must be a mapping with `{key}: ...`, not {messages.given(each.value)}{hint}"
        return Fault(path=each.path, sentence=sentence)
    value = each.value.get(key)
    if value is None:
        sentence = f"{'.'.join(path)} is missing: write `{key}: ...` with {messages.allowed(kinds)}"
        return Fault(path=each.path, sentence=sentence)
    hint = messages.hint(kinds, value, lambda _value: False)
    return Fault(
        path=path,
        sentence=f"{'.'.join(path)} must be {messages.allowed(kinds)}, not {messages.given(value)}{hint}",
    )


def _unknown_key(each: LocatedError, document: Schema) -> str:
    siblings = _keys_beside(each, document)
    if each.path[-1] in siblings:
        return f"{each.name} {_of_another_choice(each.path)}"
    return f"unknown key '{each.name}'" + (
        _written_flat(each, document)
        or _of_another_tool(each.path)
        or _near_sibling(each.path, siblings)
        or _near_elsewhere(each.path, document)
        or f"; known here: {', '.join(siblings)}"
    )


_CHOICES: Mapping[str, tuple[plugins.Kind, str]] = {
    "workload": ("workloads", "dataset"),
    "launcher": ("launchers", "kind"),
}
"""Sections whose keys depend on the plugin that one of them names."""


def _of_another_choice(path: KeyPath) -> str:
    """Return to which plugin of a section a key belongs that exists, and not with the one that was chosen."""
    kind, field = _CHOICES.get(path[0], (None, ""))
    models = () if kind is None else options_models(kind)
    owners = [name for name, model in models if path[-1] in model.model_fields]
    if not owners:
        return "does not belong to what this section chooses: remove it"
    return f"belongs to {field}: {' or '.join(owners)}; remove it, or set {path[0]}.{field}"


def _written_flat(each: LocatedError, document: Schema) -> str | None:
    """Return how to write `load.concurrency: 2`, one key in YAML, as a key of its section."""
    *sections, key = each.path[-1].split(".")
    if not sections or field_at(document, (*each.path[:-1], *sections, key)) is None:
        return None
    return f": write `{key}: ...` below `{': '.join(sections)}:`"


def _keys_beside(each: LocatedError, document: Schema) -> list[str]:
    """Return the keys that could stand there: of a union, those of the member that the error is about."""
    members = alternatives(field_at(document, each.path[:-1]) or {})
    inside = [member for member in members if _is_member(member, each.member)] or members
    return list(dict.fromkeys(key for member in inside for key in member.get("properties", {})))


def _is_member(schema: Schema, member: str | None) -> bool:
    kinds = [kind for key in schema.get("properties", {}) for kind in _constants(schema, key)]
    return member is not None and (schema.get("title") == member or member in kinds)


def _constants(section: Schema, key: str) -> list[Any]:
    """Return the values that a key can have, where it can have few."""
    field = section.get("properties", {}).get(key, {})
    return [field["const"]] if "const" in field else list(field.get("enum", ()))


def _of_another_tool(path: KeyPath) -> str | None:
    ours = messages.KEYS_ELSEWHERE.get(path[-1])
    return f" (did you mean '{ours}'?)" if ours else None


def _near_sibling(path: KeyPath, siblings: list[str]) -> str | None:
    near = difflib.get_close_matches(path[-1].lower().replace("-", "_"), siblings, n=1, cutoff=0.7)
    return f" (did you mean '{'.'.join((*path[:-1], near[0]))}'?)" if near else None


def _near_elsewhere(path: KeyPath, document: Schema) -> str | None:
    fields = reversed([each for each in field_paths(document) if each != path])
    by_leaf = {each[-1]: ".".join(each) for each in fields}
    near = difflib.get_close_matches(path[-1].lower().replace("-", "_"), by_leaf, n=1, cutoff=0.8)
    return f" (did you mean '{by_leaf[near[0]]}'?)" if near else None


def _missing(each: LocatedError, document: Schema) -> str:
    description = (field_at(document, each.path) or {}).get("description", "")
    *sections, key = each.path
    below = f" below `{sections[-1]}:`, or pass --set {each.name}=VALUE" if sections else f" or pass --{key}"
    return f"{each.name} is missing: write `{key}: ...`{below}. {description}".strip()


def _named_in(each: LocatedError, data: Any) -> KeyPath:
    """Return the deepest key of the section that the message names, in the order in which it names them."""
    value = value_at(data, each.path)
    path = each.path
    for word in re.findall(r"\w+", each.message):
        if isinstance(value, Mapping) and word in value:
            path, value = (*path, word), value[word]
    return path


def _accepts(model: type[BaseModel], data: Mapping[str, Any], path: KeyPath, value: Any) -> bool:
    """Whether the model takes another value at this place."""
    from pydantic import ValidationError

    try:
        model.model_validate(_with(data, path, value))
    except ValidationError as error:
        errors = locate(error, _with(data, path, value), _EXPRESSED)
        return not any(each.path[: len(path)] == path for each in errors)
    return True


def _with(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(data, list):
        return [_with(each, rest, value) if str(index) == first else each for index, each in enumerate(data)]
    return {**data, first: _with(data[first], rest, value)}
