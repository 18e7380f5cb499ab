"""The JSON Schema of `result.json`, with what the docstrings of the fields and the table of figures say."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from llenergymeasure.config.schema import DIALECT
from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.table import FIGURES

ABOUT = (
    f"A result of one experiment, schema version {SCHEMA_VERSION}. What could not be measured is null, and `unknown` "
    "says why. A later version with the same major number may add fields, and changes none."
)


def result_schema() -> dict[str, Any]:
    """Return the schema that every `result.json` of this release satisfies; fields of a newer minor version pass."""
    schema = ExperimentResult.model_json_schema(mode="serialization")
    definitions: dict[str, Any] = schema["$defs"]
    for model in _models(ExperimentResult):
        section = schema if model is ExperimentResult else definitions[model.__name__]
        section.pop("additionalProperties", None)
        for name, text in docstrings_of(model).items():
            section["properties"][name]["description"] = text
    for figure in FIGURES:
        field = schema["properties"].setdefault(
            figure.name, {"anyOf": [{"type": "number"}, {"type": "null"}]}
        )
        field["description"] = f"{figure.title}: {figure.formula}."
    _drop_titles(schema)
    head = {"$schema": DIALECT, "title": "llenergymeasure result", "description": ABOUT}
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a record and the records in its fields, at any depth."""
    found = {model}
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            found |= _models(part)
    return found


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def docstrings_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the text below each field of a record in its source, fields of its bases included, in words of JSON."""
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in zip(definition.body, definition.body[1:], strict=False):
            text = below.value if isinstance(below, ast.Expr) else None
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Constant)
                and field.target.id in model.model_fields
            ):
                texts[field.target.id] = re.sub(r"\bNone\b", "null", " ".join(str(text.value).split()))
    return texts


def _drop_titles(node: Any) -> None:
    """Drop the titles that only restate names."""
    if isinstance(node, list):
        for each in node:
            _drop_titles(each)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for each in node.values():
            _drop_titles(each)
