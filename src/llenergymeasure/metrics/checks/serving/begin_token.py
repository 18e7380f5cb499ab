"""The check of what all prompts begin with."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

BEGIN_TOKEN_TWICE = WarningCode(
    code="begin_token_twice",
    meaning="All prompts begin with the same token twice: a tokenizer added its begin token to prompts that had one.",
    remedy="Leave the begin token out of the prompts, or use the chat template of the model (workload.chat_template), "
    "which writes its own.",
    severity="warning",
    because="Models were not trained on two of them: answers, and so their lengths, are not those that a user gets.",
)


def check_begin_token_comes_once(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Prompts that all begin with one token twice."""
    head = None if inputs.serving is None else inputs.serving.head_token_ids
    if head is not None and len(head) > 1 and head[0] == head[1]:
        yield from BEGIN_TOKEN_TWICE.raised(f"All prompts begin with the tokens {head[0]}, {head[1]}.")
