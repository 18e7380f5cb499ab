"""What is wrong with a configuration, each fault with the key it is about."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llenergymeasure.config import messages
from llenergymeasure.config.models import BACKEND_SECTIONS
from llenergymeasure.config.schema import resolve
from llenergymeasure.config.schema_match import accepts
from llenergymeasure.config.yaml_text import KeyPath

if TYPE_CHECKING:
    from pydantic import ValidationError


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing to mend; `path` is the key whose line helps to find it."""

    path: KeyPath
    sentence: str


def structural_faults(data: Mapping[str, Any], schema: dict[str, Any]) -> list[Fault]:
    """Return every unknown or missing key and every value that its field does not take."""
    return list(_section_faults(data, schema, schema, ()))


def rule_faults(error: ValidationError, data: Mapping[str, Any]) -> list[Fault]:
    """Return the combinations that the configuration refuses."""
    return [
        _rule_fault(tuple(str(part) for part in each["loc"]), each["ctx"]["error"], data)
        for each in error.errors(include_url=False)
        if each["type"] == "value_error"
    ]


def other_faults(error: ValidationError) -> list[Fault]:
    """Return every fault in the validator's own words, for what the schema does not express."""
    return [
        Fault(path=path, sentence=f"{'.'.join(path)}: {each['msg']}")
        for each in error.errors(include_url=False)
        for path in [tuple(str(part) for part in each["loc"])]
    ]


def _section_faults(
    data: Mapping[str, Any], section: dict[str, Any], document: dict[str, Any], path: KeyPath
) -> Iterator[Fault]:
    fields: dict[str, Any] = section.get("properties", {})
    for key, value in data.items():
        where = (*path, key)
        if key in fields:
            yield from _value_faults(value, resolve(fields[key], document), document, where)
        elif not _is_refused_by_rule(where, data):
            yield Fault(path=where, sentence=_unknown_key(where, list(fields), document))
    for key in section.get("required", ()):
        if key not in data:
            yield Fault(path=(*path, key), sentence=_missing((*path, key), fields[key]))


def _value_faults(
    value: Any, field: dict[str, Any], document: dict[str, Any], path: KeyPath
) -> Iterator[Fault]:
    alternatives = [resolve(each, document) for each in field.get("anyOf", (field,))]
    section = next((each for each in alternatives if "properties" in each), None)
    if section is not None and isinstance(value, Mapping):
        yield from _section_faults(value, section, document, path)
        return
    flat = {"anyOf": alternatives} if "anyOf" in field else field
    if not accepts(flat, value):
        yield Fault(path=path, sentence=f"{'.'.join(path)} {_must_be(flat, section, value)}")


def _must_be(field: dict[str, Any], section: dict[str, Any] | None, value: Any) -> str:
    if section is not None and value is None:
        return "is empty: indent its settings below it, or remove the key"
    if section is not None:
        return f"must be a mapping of {', '.join(section['properties'])}, not {messages.given(value)}"
    if value == "":
        return "must not be empty"
    return f"must be {messages.allowed(field)}, not {messages.given(value)}{messages.hint(field, value)}"


def _unknown_key(path: KeyPath, siblings: list[str], document: dict[str, Any]) -> str:
    return f"unknown key '{'.'.join(path)}'" + (
        _near_sibling(path, siblings)
        or _near_elsewhere(path[-1], document)
        or f"; known here: {', '.join(siblings)}"
    )


def _near_sibling(path: KeyPath, siblings: list[str]) -> str | None:
    near = difflib.get_close_matches(path[-1].lower().replace("-", "_"), siblings, n=1, cutoff=0.7)
    return f" (did you mean '{'.'.join((*path[:-1], near[0]))}'?)" if near else None


def _near_elsewhere(key: str, document: dict[str, Any]) -> str | None:
    by_leaf = {path[-1]: ".".join(path) for path in reversed(list(field_paths(document, document)))}
    near = difflib.get_close_matches(key.lower().replace("-", "_"), by_leaf, n=1, cutoff=0.8)
    return f" (did you mean '{by_leaf[near[0]]}'?)" if near else None


def field_paths(section: dict[str, Any], document: dict[str, Any], path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every field, sections included, in the order of the schema."""
    for key, raw in section.get("properties", {}).items():
        yield (*path, key)
        field = resolve(raw, document)
        for each in field.get("anyOf", (field,)):
            yield from field_paths(resolve(each, document), document, (*path, key))


def _missing(path: KeyPath, field: dict[str, Any]) -> str:
    name = ".".join(path)
    return f"{name} is missing: write `{name}: ...` or pass --{name}. {field.get('description', '')}".strip()


def _is_refused_by_rule(path: KeyPath, data: Mapping[str, Any]) -> bool:
    """The section of another backend has a message of its own."""
    return len(path) == 1 and path[0] in BACKEND_SECTIONS and path[0] != data.get("backend", "pytorch")


def _rule_fault(section: KeyPath, error: object, data: Mapping[str, Any]) -> Fault:
    sentence = str(error)
    prefix = f"{'.'.join(section)}: " if section else ""
    return Fault(path=_named_in(sentence, section, data), sentence=prefix + sentence)


def _named_in(sentence: str, section: KeyPath, data: Any) -> KeyPath:
    """Return the deepest key of the section that the sentence names, in the order in which it names them."""
    for part in section:
        data = data.get(part) if isinstance(data, Mapping) else None
    path = section
    for word in re.findall(r"\w+", sentence):
        if isinstance(data, Mapping) and word in data:
            path, data = (*path, word), data[word]
    return path
