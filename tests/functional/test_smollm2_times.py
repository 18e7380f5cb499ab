"""Token times and steps of real weights, against a streamer that shares neither code nor clock nor thread with ours."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from llenergymeasure.backends.base import ScheduledRequest
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.step_table import StepTable
from tests.support.pytorch_runs import as_prompts, configure, loaded

pytestmark = [pytest.mark.model, pytest.mark.weights, pytest.mark.slow]

PROMPTS = (
    "The capital of France is",
    "Repeat after me: one two three four five six seven, one two three four five six seven, one two three",
)
MOST_S, MOST_SHARE = 0.002, 0.02
SWITCH_INTERVAL_S = 1e-4
"""Python lets a thread compute for 5 ms before another one may: so late the independent streamer would be."""


@pytest.fixture(autouse=True)
def prompt_threads() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    yield
    sys.setswitchinterval(before_s)


@dataclass
class Independent:
    """A streamer beside ours: a thread of its own reads the wall clock when tokens come out of a queue."""

    started_s: float = field(default_factory=time.time)
    seen_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tokens: SimpleQueue[Any] = SimpleQueue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def put(self, tokens: Any) -> None:
        self._tokens.put(tokens)

    def close(self) -> None:
        self._tokens.put(None)
        self._reader.join()

    def _read(self) -> None:
        while self._tokens.get() is not None:
            self.seen_s.append(time.time())


@dataclass
class Both:
    """Hands tokens to the independent streamer and to that of the backend."""

    first: Independent
    second: Any

    def put(self, tokens: Any) -> None:
        self.first.put(tokens)
        self.second.put(tokens)

    def end(self) -> None:
        self.second.end()


def served(
    model: str, tokens: int, **options: Any
) -> tuple[list[RequestRecord], StepTable, list[Independent]]:
    """Serve the prompts through the backend, each generation watched by an independent streamer."""
    records: list[RequestRecord] = []
    watchers: list[Independent] = []
    config = configure(model, max_output_tokens=tokens, decoder={"ignore_eos": True}, pytorch=options)
    with loaded(config) as backend:
        workload = backend.encode(as_prompts(PROMPTS))
        run = backend._loaded()
        generate = run._model.generate

        def watched(*, streamer: Any, **arguments: Any) -> Any:
            watchers.append(Independent())
            try:
                return generate(streamer=Both(watchers[-1], streamer), **arguments)
            finally:
                watchers[-1].close()

        run._model.generate = watched
        for each in (*workload, *workload):  # the second time without what the first one had to prepare
            request = ScheduledRequest(
                request_id=f"r{len(records)}", repeat=0, scheduled_unix_ns=time.time_ns(), encoded=each
            )
            backend.run([request], records.append)
        steps = backend.steps()
    assert steps is not None
    return records, steps, watchers


def _agree(ours_s: Sequence[float], theirs_s: Sequence[float]) -> None:
    """Half of them agree: another thread may be late on a busy machine."""
    over = [abs(a - b) - max(MOST_S, MOST_SHARE * b) for a, b in zip(ours_s, theirs_s, strict=True)]
    assert statistics.median(over) <= 0, sorted(over)


def test_first_tokens_and_gaps_are_those_that_an_independent_streamer_sees(smollm2: str) -> None:
    records, _steps, watchers = served(smollm2, 16)
    first = [(each.first_token_unix_ns or 0) - (each.sent_unix_ns or 0) for each in records]
    _agree([ns / 1e9 for ns in first], [each.seen_s[1] - each.started_s for each in watchers])
    ours = [
        b - a for each in records for a, b in zip(each.chunk_unix_ns, each.chunk_unix_ns[1:], strict=False)
    ]
    theirs = [b - a for each in watchers for a, b in zip(each.seen_s[1:], each.seen_s[2:], strict=False)]
    _agree([ns / 1e9 for ns in ours], theirs)


def test_a_model_that_is_its_own_assistant_accepts_every_token(smollm2: str) -> None:
    records, steps, _watchers = served(smollm2, 12, assistant_model=smollm2, num_assistant_tokens=3)
    assert [list(each.chunk_tokens) for each in records] == [[4, 4, 4]] * 4
    assert steps.accepted_tokens.tolist() == steps.drafted_tokens.tolist() == [3] * 12


def test_prompt_lookup_finds_the_continuation_of_a_repeated_text(smollm2: str) -> None:
    records, steps, _watchers = served(smollm2, 12, prompt_lookup_num_tokens=4)
    repeated = steps.select(
        (steps.start_unix_ns >= (records[1].sent_unix_ns or 0))
        & (steps.end_unix_ns <= records[1].closed_unix_ns)
    )
    assert repeated.accepted_tokens.sum() == 12 - len(repeated) > 0
    assert (repeated.accepted_tokens <= repeated.drafted_tokens).all()
