"""How the requests of the windows were served: what the engine tells, and why its answers ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llenergymeasure.domain.breakdowns.served import Served
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request_table import RequestTable


def served(facts: ServingFacts | None, windows: Sequence[RequestTable]) -> Served:
    """Return it from the answered requests of each window."""
    reasons = Counter(reason or "unknown" for table in windows for reason in table.finish_reason)
    return Served(facts=facts or ServingFacts(), finish_reasons=dict(sorted(reasons.items())))
