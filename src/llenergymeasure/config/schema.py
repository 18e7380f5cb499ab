"""The configuration as JSON Schema: for editors, and for the words of our own messages."""

from __future__ import annotations

from functools import cache
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of an experiment's configuration, as a document an editor can use; one for all callers."""
    from llenergymeasure.config.models import ExperimentConfig

    schema = _without_field_titles(ExperimentConfig.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": "llenergymeasure experiment"}


def resolve(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return what a `$ref` of the document points at, or the node itself; what stands beside the `$ref` stays."""
    inner = node.get("allOf", [node])[0]  # how older releases of pydantic put a default beside a reference
    reference = inner.get("$ref")
    if reference is None:
        return node
    section: dict[str, Any] = document["$defs"][reference.rpartition("/")[2]]
    return {**section, **{key: value for key, value in node.items() if key not in ("$ref", "allOf")}}


def _without_field_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop the titles that only restate a field's name; editors would show them above the description."""
    for section in (schema, *schema.get("$defs", {}).values()):
        for field in section.get("properties", {}).values():
            field.pop("title", None)
    return schema
