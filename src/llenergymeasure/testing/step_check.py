"""The conformance check of the steps that a backend reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llenergymeasure.backends.base import Backend, Chunk, EncodedRequest, reports_steps
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import StepTable


@dataclass(kw_only=True)
class ServedTokens:
    """Tokens of all requests that a backend has answered until now."""

    requests: int = 0
    prompt: int = 0
    """Without those of a prefix cache."""
    output: int = 0

    def add_records(self, records: Iterable[RequestRecord]) -> None:
        """Count the requests of an offline backend."""
        for record in records:
            self._add(record.prompt_tokens, record.cached_prompt_tokens, record.output_tokens)

    def add_stream(self, encoded: EncodedRequest, chunks: Sequence[Chunk]) -> None:
        """Count the request of one stream."""
        cached = [each.cached_prompt_tokens for each in chunks if each.cached_prompt_tokens is not None]
        self._add(encoded.prompt_tokens, cached[-1] if cached else None, sum(each.tokens for each in chunks))

    def _add(self, prompt: int, cached: int | None, output: int) -> None:
        self.requests += 1
        self.prompt += prompt - (cached or 0)
        self.output += output


def check_steps(backend: Backend, served: ServedTokens, before_ns: int, after_ns: int) -> None:
    """Check the steps of all requests that were served between two times, where the backend reports steps.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    if not reports_steps(backend):
        return
    reported = backend.steps()
    if reported is None:
        return
    steps = reported if isinstance(reported, StepTable) else StepTable.from_records(reported)
    _check_times(steps, before_ns, after_ns)
    _check_tokens(steps, served)
    assert not backend.steps(), "steps() returns each iteration once"


def _check_times(steps: StepTable, before_ns: int, after_ns: int) -> None:
    assert len(steps), "steps() reports the iterations of the requests that were served"
    assert (steps.start_unix_ns <= steps.end_unix_ns).all(), "a step ends after it began"
    assert (steps.end_unix_ns[:-1] <= steps.start_unix_ns[1:]).all(), "steps come in time order"
    assert before_ns <= steps.start_unix_ns[0], "steps() leaves out what load() and encode() computed"
    assert steps.end_unix_ns[-1] <= after_ns, (
        "the times of steps are those of the clock that load() was given"
    )


def _check_tokens(steps: StepTable, served: ServedTokens) -> None:
    assert (steps.requests >= 1).all(), "a request takes part in every step"
    prefill, decode = int(steps.prefill_tokens.sum()), int(steps.decode_tokens.sum())
    assert prefill == served.prompt, (
        f"steps read every prompt token once, without padding and those of a prefix cache: {prefill} in the steps, "
        f"{served.prompt} in the requests"
    )
    assert decode == served.output - served.requests, (
        f"decode tokens of steps are the output tokens after the first of each request, without padding: {decode} in "
        f"the steps, {served.output - served.requests} in the requests"
    )
    proposed = steps.drafted_tokens != UNKNOWN
    assert (proposed == (steps.accepted_tokens != UNKNOWN)).all(), "drafted and accepted are known together"
    assert (steps.accepted_tokens <= steps.drafted_tokens).all(), "what was accepted had been drafted"
