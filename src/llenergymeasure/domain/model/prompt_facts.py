"""What a model can make of its prompts."""

from __future__ import annotations

from llenergymeasure.core.record import Record


class PromptFacts(Record):
    """Whether the prompts of a run reach the model as text, and as a question; None where that is not known."""

    unknown_fraction: float | None = None
    """Share of the tokens of all prompts that stand for text which the tokenizer does not know."""
    opens_answer: bool | None = None
    """Whether the chat template asks for an answer after the prompt; None without a template too."""
    reads_clock: bool | None = None
    """Whether the chat template writes the date or the time of the run; None without a template too."""
