"""How the requests of the windows were served, as far as two engines may differ in it."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.model.serving_facts import ServingFacts


class Served(Record):
    """How the engine served, and why its answers ended."""

    facts: ServingFacts = ServingFacts()
    """What the backend tells of its engine."""
    finish_reasons: dict[str, int] = Field(default_factory=dict)
    """How many answers of the windows ended for which reason: `stop` (a token that ends it), `length` (the longest that
    was allowed), `unknown`."""
