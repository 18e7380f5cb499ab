"""What the rows of a step table must agree on: order of times, counts of tokens."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.results import layout


def step_contradictions(steps: StepTable, recorded: int | None) -> Iterator[Finding]:
    """Yield what is wrong within steps; `recorded` is how many there are according to the facts of the run."""
    drafted, accepted = steps.drafted_tokens, steps.accepted_tokens
    speculative = drafted != UNKNOWN
    rules = {
        "end_unix_ns": ("a step ends before it starts", steps.end_unix_ns < steps.start_unix_ns),
        "accepted_tokens": (
            "a step accepted more tokens than were proposed to it",
            (speculative != (accepted != UNKNOWN)) | (accepted > drafted),
        ),
        "requests": (
            "a step processed tokens of no request",
            (steps.requests == 0) & (steps.prefill_tokens + steps.decode_tokens > 0),
        ),
    }
    for name in ("prefill_tokens", "decode_tokens", "requests", "context_tokens"):
        if (getattr(steps, name) < 0).any():
            yield Finding(file=layout.STEPS, field=name, message="is negative")
    for name, (message, breaks) in rules.items():
        if breaks.any():
            yield Finding(file=layout.STEPS, field=name, message=message)
    if recorded != len(steps):
        said = "that the backend reported none" if recorded is None else f"{recorded:,}"
        yield Finding(file=layout.STEPS, message=f"has {len(steps):,} rows, and {layout.FACTS} says {said}")
