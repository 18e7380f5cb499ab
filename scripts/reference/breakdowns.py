"""The breakdowns of a result on the page of figures: records whose fields are figures too."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.result_schema import docstrings_of

ROOM = "llenergymeasure.domain.breakdowns"
HEAD = """\
## Breakdowns

Further fields of `result.json`, record by record. A name in small letters stands for the field, one in capitals for a
key that the run decides.
"""


def breakdown_lines() -> Iterator[str]:
    """Yield the section: a table of fields for each record of `domain/breakdowns` that a result has."""
    yield HEAD
    texts = docstrings_of(ExperimentResult)
    for name, field in ExperimentResult.model_fields.items():
        if str(field.annotation) in ("dict[str, int]", "dict[str, float]"):
            yield from (f"### `{name}`", "", "| field | meaning |", "| --- | --- |")
            yield from (f"| `{name}.KEY` | {_text(texts[name])} |", "")
        for model in _records(field.annotation):
            yield from (f"### `{name}`", "", _text(texts.get(name, "")))
            yield from (_text(inspect.getdoc(model) or ""), "", "| field | meaning |", "| --- | --- |")
            yield from (*_rows(_path(name, field.annotation), model), "")


def _rows(path: str, model: type[BaseModel]) -> Iterator[str]:
    """Yield the fields of a record and of the records in it; a record in it may say for its field what it is."""
    texts = docstrings_of(model)
    for name, field in model.model_fields.items():
        below = [*_records(field.annotation)]
        meaning = texts.get(name) or " ".join(inspect.getdoc(record) or "" for record in below)
        yield f"| `{_path(f'{path}.{name}', field.annotation)}` | {_text(meaning)} |"
        for record in below:
            yield from _rows(_path(f"{path}.{name}", field.annotation), record)


def _path(name: str, annotation: Any) -> str:
    return f"{name}.KEY" if str(annotation).startswith("dict[") else name


def _records(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the breakdown in an annotation such as `PhaseSplit | None` or `dict[str, DeviceMemory]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation.__module__.startswith(ROOM) and annotation is not Distribution:
            yield annotation
        return
    for part in get_args(annotation):
        yield from _records(part)


def _text(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.split()).replace("|", "\\|"))
