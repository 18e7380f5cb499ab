"""What a backend offers in addition about how its engine serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from llenergymeasure.backends.base import Backend, EncodedRequest
from llenergymeasure.backends.distinct_prompts import common_head
from llenergymeasure.domain.model.serving_facts import ServingFacts

MOST_HEAD_TOKENS = 8


class DescribesServing(Protocol):
    """Offered where the backend knows how its engine serves; results are compared by it."""

    def serving_facts(self) -> ServingFacts:
        """Return what is in force, defaults of the engine and of the model included; asked after `encode`."""
        ...


def serving_facts(backend: Backend, workload: Sequence[EncodedRequest]) -> ServingFacts:
    """Return how the engine serves, as far as the backend tells, and how the prompts begin."""
    tell: Callable[[], ServingFacts] | None = getattr(backend, "serving_facts", None)
    told = ServingFacts() if tell is None else tell()
    return told.model_copy(update={"head_token_ids": _head(workload)})


def _head(workload: Sequence[EncodedRequest]) -> tuple[int, ...] | None:
    prompts = [each.token_ids for each in workload]
    if not all(prompts) or len(set(prompts[:1000])) < 2:
        return None
    return prompts[0][: min(common_head(prompts), MOST_HEAD_TOKENS)]
