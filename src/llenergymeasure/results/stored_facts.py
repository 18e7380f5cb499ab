"""The facts of a run in a bundle, read as the present schema has them."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.results import layout
from llenergymeasure.results.documents import (
    DocumentError,
    Fault,
    Parsed,
    load_json,
    parse_document,
    read_document,
)
from llenergymeasure.results.draft import draft_facts
from llenergymeasure.results.versions import DRAFT


def read_facts(folder: Path) -> Parsed[RunFacts]:
    """Read run.json; in a draft of schema 2.0.0 its content was part of result.json.

    Raises:
        FileNotFoundError: there is no such file.
        DocumentError: it cannot be read, is of another major version, or breaks the schema.
    """
    if (folder / layout.FACTS).is_file():
        return read_document(folder / layout.FACTS, RunFacts, layout.FACTS)
    try:
        result = load_json(folder / layout.RESULT)
    except DocumentError:  # whoever reads the result is told
        raise FileNotFoundError(folder / layout.FACTS) from None
    if not isinstance(result, dict) or result.get("schema_version") != DRAFT:
        raise FileNotFoundError(folder / layout.FACTS)
    try:
        value, unknown = parse_document(draft_facts(result), RunFacts)
    except (LookupError, TypeError, AttributeError) as error:
        raise DocumentError(Fault(message=f"breaks the schema: {error}")) from None
    return Parsed(value=value, version=DRAFT, unknown=unknown)
