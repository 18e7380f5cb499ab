"""Claims about the JSON Schema for editors."""

from __future__ import annotations

from typing import Any

from llenergymeasure.config.base import Section
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.schema import DIALECT, config_schema, document_of, field_at, field_paths


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


class _Leaf(Section):
    """A leaf."""

    n: int = 1


class _Tree(Section):
    """A tree."""

    leaf: _Leaf = _Leaf()
    """The one leaf."""
    branch: _Tree | None = None


def test_references_are_replaced_and_what_stands_beside_them_stays() -> None:
    document = document_of(_Tree)
    leaf = field_at(document, ("leaf",))
    assert leaf is not None
    assert (leaf["description"], leaf["default"]) == ("The one leaf.", {"n": 1})
    assert field_at(document, ("leaf", "n")) == {"default": 1, "title": "N", "type": "integer"}
    assert field_at(document, ("branch", "leaf")) is None, "a recursive reference ends"


def test_the_options_of_plugins_are_in_the_schema() -> None:
    paths = {".".join(path) for path in field_paths(document_of(ExperimentConfig))}
    assert {"pytorch.batch_size", "energy.estimate.cpu_max_power_w", "standin.token_s"} <= paths


def _target(field: dict[str, Any]) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]
