"""The page about the bundle names everything a bundle holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.sample import FIELDS
from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.orchestration.verification.verify import COVERED_BY_SUMS_ONLY
from llenergymeasure.results import layout

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "bundle.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`([^`\n]+)`", PAGE + (REFERENCE / "metrics.md").read_text(encoding="utf-8"))
WORDS = {*NAMES, *(name.rpartition(".")[2] for name in NAMES)}
"""Fields of a breakdown stand on the page of figures with the path to them."""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the model in an annotation such as `tuple[Model, ...] | None`, and the models in its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


def test_every_file_is_described() -> None:
    tree = PAGE.partition("```text\n")[2].partition("```")[0]
    assert [name for name in (*layout.FILES, layout.CHECKSUMS) if f"\n  {name} " not in tree] == []


def test_every_field_of_the_result_is_described() -> None:
    models = set(_models(ExperimentResult))
    assert len(models) > 10
    missing = {(model.__name__, name) for model in models for name in model.model_fields if name not in WORDS}
    assert missing == set()


def test_every_fact_of_a_run_is_described() -> None:
    assert set(RunFacts.model_fields) - WORDS == set()


def test_every_column_of_the_raw_tables_is_described() -> None:
    columns = {
        *(name for name, _ in FIELDS),
        *(field.name for record in (RequestTable, Phase) for field in fields(record)),
        *Channel.model_fields,
    }
    assert columns - WORDS == {"chunk_offsets"}


def test_facts_that_cannot_be_recomputed_are_named() -> None:
    section = PAGE.partition("## run.json")[2].partition("\n## ")[0]
    assert [name for name in COVERED_BY_SUMS_ONLY if f"| `{name}`" not in section] == []
