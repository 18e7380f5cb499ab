"""What the rows of a step table must agree on: order of times, counts of tokens, and the requests that were served."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
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


def unlike_requests(steps: StepTable, requests: RequestTable) -> Iterator[Finding]:
    """Yield where the steps of a whole run are not those of its requests, of which every one was answered."""
    import numpy as np

    prompts = requests.prompt_tokens - np.maximum(requests.cached_prompt_tokens, 0)
    computed = {
        "prefill_tokens": (prompts, "the prompts, without cached tokens, have"),
        "decode_tokens": (
            np.maximum(requests.output_tokens - 1, 0),
            "the answers, without their first tokens, have",
        ),
    }
    for name, (by_request, what) in computed.items():
        in_steps = int(getattr(steps, name).sum(dtype=np.int64))
        in_requests = int(by_request.sum(dtype=np.int64))
        if in_steps != in_requests:
            message = f"all steps together have {in_steps:,}; in {layout.REQUESTS} {what} {in_requests:,}"
            yield Finding(
                file=layout.STEPS, field=name, message=message, stored=in_steps, recomputed=in_requests
            )
    yield from _crowded(steps, requests)


def _crowded(steps: StepTable, requests: RequestTable) -> Iterator[Finding]:
    """Yield the first step with more requests than were under way in any part of it."""
    import numpy as np

    begun = np.searchsorted(np.sort(requests.service_start_unix_ns()), steps.end_unix_ns, side="right")
    ended = np.searchsorted(np.sort(requests.closed_unix_ns), steps.start_unix_ns, side="left")
    in_flight = begun - ended
    rows = np.flatnonzero(steps.requests > in_flight)
    if len(rows):
        first = int(rows[0])
        found, possible = int(steps.requests[first]), int(in_flight[first])
        others = f"; and {len(rows) - 1:,} more rows" if len(rows) > 1 else ""
        message = (
            f"row {first}: {found:,}; in {layout.REQUESTS} {possible:,} were in flight at that time{others}"
        )
        yield Finding(file=layout.STEPS, field="requests", message=message, stored=found, recomputed=possible)
