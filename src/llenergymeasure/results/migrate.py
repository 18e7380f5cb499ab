"""Migration of a bundle's files from older schema versions, one step from each version to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llenergymeasure.results import layout
from llenergymeasure.results.draft import DRAFT_DOCUMENTS, DRAFT_TABLES
from llenergymeasure.results.versions import DRAFT

if TYPE_CHECKING:
    import pyarrow as pa

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """The changes from one schema version to the next, by file name; a file that is not named did not change."""

    source: str
    target: str
    documents: Mapping[str, Callable[[Document], Document]] = field(default_factory=dict)
    tables: Mapping[str, Callable[[pa.Table], pa.Table]] = field(default_factory=dict)


STEPS: tuple[Step, ...] = (
    Step(source=DRAFT, target="2.0.0", documents=DRAFT_DOCUMENTS, tables=DRAFT_TABLES),
)
"""In the order of versions."""


def migrate_document(name: str, document: Document, version: str) -> Document:
    """Return the content of a JSON or YAML file as the present schema has it; `name` is its name in a bundle."""
    for step in _steps_from(version):
        change = step.documents.get(name)
        document = change(document) if change else document
        if name != layout.CONFIG:
            document = {**document, "schema_version": step.target}
    return document


def migrate_table(name: str, table: pa.Table, version: str) -> pa.Table:
    """Return a raw table as the present schema has it; `name` is the name of its file in a bundle."""
    for step in _steps_from(version):
        change = step.tables.get(name)
        table = change(table) if change else table
    return table


def _steps_from(version: str) -> tuple[Step, ...]:
    sources = [step.source for step in STEPS]
    return STEPS[sources.index(version) :] if version in sources else ()
