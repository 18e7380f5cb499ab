"""The configuration as JSON Schema: for editors, and for the words of our own messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llenergymeasure.config.yaml_text import KeyPath

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def config_schema() -> Schema:
    """Return the JSON Schema of an experiment's configuration, the options of installed plugins included."""
    from llenergymeasure.config.models import ExperimentConfig

    schema = ExperimentConfig.model_json_schema()
    _drop_titles(schema)
    return {"$schema": DIALECT, **schema, "title": "llenergymeasure experiment"}


def document_of(model: type[BaseModel]) -> Schema:
    """Return the JSON Schema of a model with references replaced by what they point at; a recursive one ends there."""
    schema = model.model_json_schema()
    resolved: Schema = _resolved(schema, schema.get("$defs", {}))
    return resolved


def alternatives(field: Schema) -> list[Schema]:
    """Return the members of a union, those of nested unions too; of anything else the field itself."""
    members = field.get("anyOf") or field.get("oneOf")
    return [field] if members is None else [each for member in members for each in alternatives(member)]


def field_at(document: Schema, path: KeyPath) -> Schema | None:
    """Return the field at a path of keys and list indices, or None; document as `document_of` returns it."""
    fields = [document]
    for part in path:
        inner = (_inner(each, part) for field in fields for each in alternatives(field))
        fields = [each for each in inner if each is not None]
    if len(fields) > 1:
        return {"anyOf": fields}
    return fields[0] if fields else None


def field_paths(section: Schema, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every field, sections included, in the order of the schema."""
    for key, field in section.get("properties", {}).items():
        yield (*path, key)
        for each in alternatives(field):
            yield from field_paths(each, (*path, key))


def _inner(field: Schema, part: str) -> Schema | None:
    if part in field.get("properties", {}):
        inner: Schema = field["properties"][part]
        return inner
    if part.isdecimal() and "items" in field:
        return dict(field["items"])
    entries = field.get("additionalProperties")
    return entries if isinstance(entries, dict) else None


def _resolved(node: Any, definitions: Schema, inside: tuple[str, ...] = ()) -> Any:
    """Replace every `$ref` by its target; what stands beside the reference stays."""
    if isinstance(node, list):
        return [_resolved(each, definitions, inside) for each in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        target = {} if reference in inside else definitions[reference.rpartition("/")[2]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        inside = (*inside, reference)
    return {key: _resolved(value, definitions, inside) for key, value in node.items() if key != "$defs"}


def _drop_titles(node: Any) -> None:
    """Drop the titles that only restate a field's name; editors would show them above the description."""
    if isinstance(node, list):
        for each in node:
            _drop_titles(each)
    elif isinstance(node, dict):
        for field in node.get("properties", {}).values():
            if isinstance(field, dict):
                field.pop("title", None)
        for each in node.values():
            _drop_titles(each)
