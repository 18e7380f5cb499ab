"""Whether a plain value fits the JSON Schema of one field; strict about types: `4` is not `"4"`, `true` is not 1."""

from __future__ import annotations

import math
from typing import Any

Schema = dict[str, Any]

_KINDS: dict[str, Any] = {
    "integer": int,
    "number": int,
    "string": str,
    "null": type(None),
    "array": (list, tuple),
    "object": dict,
}
"""Python's types of what YAML and JSON give, floats and truth values apart."""


def accepts(schema: Schema, value: Any) -> bool:
    """Say whether a plain value fits the schema."""
    if "anyOf" in schema:
        return any(accepts(each, value) for each in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema:
        return bool(value == schema["const"])
    kind = schema.get("type")
    return kind is None or (_is_kind(kind, value) and _in_bounds(schema, value))


def _is_kind(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float):
        return kind == "number" and math.isfinite(value)
    return bool(isinstance(value, _KINDS.get(kind, ())))


def _in_bounds(schema: Schema, value: Any) -> bool:
    if isinstance(value, str):
        return bool(len(value) >= schema.get("minLength", 0))
    if isinstance(value, (list, tuple)):
        return all(accepts(schema.get("items", {}), each) for each in value)
    if isinstance(value, dict):
        entries = schema.get("additionalProperties", {})
        return not isinstance(entries, dict) or all(accepts(entries, each) for each in value.values())
    if value is None or isinstance(value, bool):
        return True
    lowest, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    highest, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    return bool(lowest <= value <= highest and above < value < below)
