"""The steps that the PyTorch backend reports: one for each forward pass of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.backends.pytorch.generation import Generation
from llenergymeasure.backends.pytorch.steps import StepColumns
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import StepTable
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, generate, loaded, with_ends

COPYING = "one two three four five one two three four five one two three"
"""Text whose continuation stands in it, so that prompt lookup has something to propose."""


def generation(prompt_tokens: int, chunk_tokens: Sequence[int], start_ns: int, **fields: Any) -> Generation:
    """An answer whose chunks came every 10 ns."""
    encoded = EncodedRequest(prompt=Prompt(prompt_id="p"), index=0, prompt_tokens=prompt_tokens)
    times = tuple(start_ns + 10 * (place + 1) for place in range(len(chunk_tokens)))
    return Generation(
        request=encoded,
        output_ids=(7,) * sum(chunk_tokens),
        sent_unix_ns=start_ns,
        closed_unix_ns=start_ns + 1000,
        chunk_unix_ns=times,
        chunk_tokens=tuple(chunk_tokens),
        finish_reason="length",
        **fields,
    )


def served(model: Path, texts: Sequence[str], **fields: Any) -> tuple[list[RequestRecord], StepTable | None]:
    """Serve each text once in a backend, and return requests and steps."""
    records, steps, _widths = watched(model, texts, **fields)
    return records, steps


def watched(
    model: Path, texts: Sequence[str], **fields: Any
) -> tuple[list[RequestRecord], StepTable | None, list[int]]:
    """As `served`, and how many tokens of each row every forward pass of the model was given."""
    records: list[RequestRecord] = []
    widths: list[int] = []
    with loaded(configure(model, **fields)) as backend:
        workload = backend.encode(as_prompts(texts))
        requests = [
            ScheduledRequest(request_id=f"r{each.index}", repeat=0, scheduled_unix_ns=1, encoded=each)
            for each in workload
        ]
        backend._loaded()._model.register_forward_pre_hook(
            lambda _model, _args, given: widths.append(given["input_ids"].shape[1]), with_kwargs=True
        )
        backend.run(requests, records.append)
        steps = backend.steps()
        assert steps is None or not backend.steps(), "each step is told once"
        return records, steps, widths


def test_requests_that_have_ended_take_no_part_in_a_step():
    columns = StepColumns()
    columns.append([generation(5, [1] * 4, 0), generation(3, [1] * 2, 0), generation(9, [1], 0)])
    columns.append([generation(2, [1] * 3, 5000)])
    steps = columns.take()
    assert steps.start_unix_ns.tolist() == [0, 10, 20, 30, 5000, 5010, 5020]
    assert steps.end_unix_ns.tolist() == [10, 20, 30, 40, 5010, 5020, 5030]
    assert steps.prefill_tokens.tolist() == [17, 0, 0, 0, 2, 0, 0]
    assert steps.decode_tokens.tolist() == [0, 2, 1, 1, 0, 1, 1]
    assert steps.requests.tolist() == [3, 2, 1, 1, 1, 1, 1]
    assert steps.context_tokens.tolist() == [17, 10, 7, 8, 2, 3, 4]
    assert set(steps.drafted_tokens.tolist()) == {UNKNOWN}
    assert len(columns.take()) == 0


def test_a_step_that_verifies_proposed_tokens_says_how_many_and_how_many_were_right():
    columns = StepColumns()
    columns.append([generation(5, [2, 1, 4], 0, drafted_tokens=(3, 0, 3))])
    steps = columns.take()
    assert steps.prefill_tokens.tolist() == [5, 0, 0]
    assert steps.decode_tokens.tolist() == [1, 1, 4]
    assert steps.drafted_tokens.tolist() == [3, 0, 3]
    assert steps.accepted_tokens.tolist() == [1, 0, 3]
    assert steps.context_tokens.tolist() == [6, 7, 11]


def test_a_batch_of_which_an_interrupt_left_a_part_is_none():
    class Stopped(tuple):
        def __iter__(self):
            raise KeyboardInterrupt

    columns = StepColumns()
    columns.append([generation(5, [1] * 2, 0)])
    with pytest.raises(KeyboardInterrupt):
        columns.append([replace(generation(5, [1] * 3, 90), drafted_tokens=Stopped((1, 1, 1)))])
    assert columns.take().end_unix_ns.tolist() == [10, 20]


def test_two_million_steps_take_little_memory_and_time():
    import time
    import tracemalloc

    batch = [generation(100, [1] * 1000, 0) for _ in range(2)]
    columns = StepColumns()
    tracemalloc.start()
    start = time.process_time()
    for _ in range(2000):
        columns.append(batch)
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(columns.take()) == 2_000_000
    assert held < 50e6
    assert time.process_time() - start < 5


@pytest.mark.model
@pytest.mark.parametrize("options", [{}, {"cache_implementation": "static"}, {"use_cache": False}])
def test_steps_have_the_tokens_and_times_of_the_requests(tiny_llama, options):
    records, steps = served(
        tiny_llama, TEXTS, pytorch={"batch_size": 2, **options}, decoder={"ignore_eos": True}
    )
    assert steps is not None, "what encode() computes (outputs that are checked, shapes compiled) is no step"
    assert steps.prefill_tokens.sum() == sum(each.prompt_tokens for each in records)
    assert steps.decode_tokens.sum() == sum(each.output_tokens - 1 for each in records)
    first, last = records[0], records[-1]
    assert steps.end_unix_ns.tolist() == [*first.chunk_unix_ns, *last.chunk_unix_ns]
    assert steps.start_unix_ns[0] == first.sent_unix_ns
    assert steps.start_unix_ns[12] == last.sent_unix_ns
    assert {each.cached_prompt_tokens for each in records} == {0}
    together = sum(each.prompt_tokens for each in records[:2])
    assert steps.context_tokens[:12].tolist() == [together + 2 * step for step in range(12)]


@pytest.mark.model
@pytest.mark.parametrize("kind", ["plain", "no cache", "prompt lookup", "assistant"])
def test_each_forward_pass_is_one_step_that_read_what_it_says(tiny_llama, kind):
    options = {
        "plain": {},
        "no cache": {"use_cache": False},
        "prompt lookup": {"prompt_lookup_num_tokens": 4},
        "assistant": {"assistant_model": str(tiny_llama)},
    }[kind]
    _records, steps, widths = watched(
        tiny_llama, [COPYING, TEXTS[0]], max_output_tokens=20, decoder={"ignore_eos": True}, pytorch=options
    )
    assert steps is not None
    assert len(steps) == len(widths)
    if kind == "no cache":
        assert widths == steps.context_tokens.tolist()
    else:
        first = steps.prefill_tokens > 0
        read = np.where(first, steps.prefill_tokens, 1) + np.maximum(steps.drafted_tokens, 0)
        assert widths == read.tolist()


@pytest.mark.model
def test_an_answer_that_ends_early_leaves_the_steps_of_the_others(tiny_llama, tmp_path):
    whole = generate(tiny_llama, max_output_tokens=16, decoder={"ignore_eos": True})
    ending = with_ends(tiny_llama, tmp_path / "ending", whole[0].output_ids[4])
    records, steps = served(ending, TEXTS, max_output_tokens=16, pytorch={"batch_size": 3})
    assert steps is not None
    lengths = [each.output_tokens for each in records]
    assert min(lengths) < max(lengths) == len(steps)
    assert steps.requests.tolist() == [sum(n > step for n in lengths) for step in range(len(steps))]


@pytest.mark.model
def test_beam_search_has_no_steps(tiny_llama):
    _records, steps = served(tiny_llama, TEXTS, pytorch={"num_beams": 2})
    assert steps is None


@pytest.mark.model
def test_prompt_lookup_tells_what_it_proposes(tiny_llama):
    options = {"prompt_lookup_num_tokens": 4}
    records, steps = served(
        tiny_llama, [COPYING], max_output_tokens=60, decoder={"ignore_eos": True}, pytorch=options
    )
    assert steps is not None
    assert (steps.drafted_tokens >= 0).all()
    assert 0 < steps.drafted_tokens.max() <= 4
    assert (steps.accepted_tokens <= steps.drafted_tokens).all()
    assert steps.accepted_tokens.sum() == 60 - len(steps)
    assert np.array_equal(steps.accepted_tokens + 1, records[0].chunk_tokens)
