"""Claims about the JSON Schema for editors."""

from __future__ import annotations

from typing import Any

from llenergymeasure.config.schema import DIALECT, config_schema, resolve


def test_the_schema_is_a_document_an_editor_understands() -> None:
    schema = config_schema()
    assert schema["$schema"] == DIALECT
    assert schema["title"]
    assert schema["required"] == ["model"]
    assert schema["additionalProperties"] is False


def test_every_field_of_every_section_is_described() -> None:
    schema = config_schema()
    sections: list[dict[str, Any]] = [schema, *schema["$defs"].values()]
    undescribed = [
        name
        for section in sections
        for name, field in section["properties"].items()
        if "description" not in field and "description" not in schema["$defs"].get(_target(field), {})
    ]
    assert undescribed == []


def test_a_reference_is_resolved_as_old_and_new_releases_of_pydantic_write_it() -> None:
    document = {"$defs": {"Section": {"type": "object", "description": "A section."}}}
    reference = {"$ref": "#/$defs/Section"}
    expected = {"type": "object", "description": "A section.", "default": 1}
    assert resolve({**reference, "default": 1}, document) == expected
    assert resolve({"allOf": [reference], "default": 1}, document) == expected


def _target(field: dict[str, Any]) -> str:
    inner = field.get("allOf", [field])[0]
    return str(inner.get("$ref", "")).rpartition("/")[2]
