"""Statistics as vLLM 0.32 hands them to a logger, and the steps that they become."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from llenergymeasure.backends.vllm.steps import IterationLog
from llenergymeasure.testing import VirtualClock


def scheduler(
    *, ctx: tuple[int, int] = (0, 0), generation: int = 0, running: int = 1, cached: int = 0, **more: Any
) -> SimpleNamespace:
    details = SimpleNamespace(
        num_ctx_requests=ctx[0],
        num_ctx_tokens=ctx[1],
        num_generation_requests=generation,
        num_generation_tokens=generation,
        is_dummy=False,
    )
    return SimpleNamespace(
        iteration_details=details,
        num_running_reqs=running,
        num_waiting_reqs=0,
        prefix_cache_stats=SimpleNamespace(hits=cached),
        **more,
    )


def outputs(written: int, *, firsts: int = 0, finished: tuple[tuple[int, int], ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(
        num_generation_tokens=written,
        time_to_first_tokens_iter=[0.1] * firsts,
        finished_requests=[
            SimpleNamespace(num_prompt_tokens=prompt, num_generation_tokens=answer)
            for prompt, answer in finished
        ],
    )


def record(*iterations: tuple[Any, Any]) -> tuple[IterationLog, VirtualClock]:
    clock = VirtualClock()
    log = IterationLog(clock)
    for statistics, results in iterations:
        clock.sleep(0.02)
        log.record(statistics, results)
    return log, clock


def test_prompt_tokens_are_those_planned_and_output_tokens_those_handed_out():
    log, _ = record(
        (scheduler(ctx=(2, 30)), outputs(2, firsts=2)),
        (scheduler(generation=2), outputs(2)),
        (scheduler(generation=2), outputs(1)),  # planned ahead for a request that had ended
    )
    steps = log.take()
    assert steps is not None
    assert steps.prefill_tokens.tolist() == [30, 0, 0]
    assert steps.decode_tokens.tolist() == [0, 2, 1]
    assert steps.requests.tolist() == [2, 2, 2]


def test_a_part_of_a_prompt_is_a_step_without_output_tokens():
    log, _ = record((scheduler(ctx=(1, 64)), None), (scheduler(ctx=(1, 16)), outputs(1, firsts=1)))
    steps = log.take()
    assert steps is not None
    assert steps.prefill_tokens.tolist() == [64, 16]
    assert steps.decode_tokens.tolist() == [0, 0]


def test_an_iteration_begins_when_the_one_before_has_ended():
    log, clock = record((scheduler(ctx=(1, 8)), outputs(1, firsts=1)))
    clock.sleep(0.004)
    log.record(scheduler(generation=1), outputs(1))
    steps = log.take()
    assert steps is not None
    assert steps.start_unix_ns[1] == steps.end_unix_ns[0]
    assert steps.end_unix_ns[1] - steps.start_unix_ns[1] == 4_000_000


def test_the_first_iteration_begins_when_a_request_is_sent_to_an_idle_engine():
    log, clock = record((scheduler(ctx=(1, 8), running=0), outputs(1, firsts=1)))
    clock.sleep(5.0)
    log.sent()
    clock.sleep(0.003)
    log.sent()  # joins the first
    clock.sleep(0.003)
    log.record(scheduler(ctx=(2, 8)), outputs(2, firsts=2))
    steps = log.take()
    assert steps is not None
    assert steps.end_unix_ns[1] - steps.start_unix_ns[1] == 6_000_000


def test_a_request_sent_while_the_last_one_ends_begins_after_it():
    log, clock = record((scheduler(ctx=(1, 8)), outputs(1, firsts=1)))
    log.sent()
    clock.sleep(0.01)
    log.record(scheduler(generation=1, running=0), outputs(1))
    clock.sleep(0.01)
    log.record(scheduler(ctx=(1, 8)), outputs(1, firsts=1))
    steps = log.take()
    assert steps is not None
    assert steps.start_unix_ns[2] == steps.end_unix_ns[1]


def test_the_context_holds_what_was_read_and_written_until_a_request_ends():
    log, _ = record(
        (scheduler(ctx=(2, 30), cached=16), outputs(2, firsts=2)),
        (scheduler(generation=2), outputs(2, finished=((20, 2),))),
        (scheduler(generation=1), outputs(1)),
    )
    steps = log.take()
    assert steps is not None
    assert steps.context_tokens.tolist() == [46, 48, 48 - 21 + 1]


def test_the_context_is_empty_once_nothing_runs():
    """A request that was cut off does not tell that it has ended."""
    log, _ = record(
        (scheduler(ctx=(1, 30)), outputs(1, firsts=1)),
        (scheduler(generation=1, running=0), outputs(1)),
        (scheduler(ctx=(1, 8)), outputs(1, firsts=1)),
    )
    steps = log.take()
    assert steps is not None
    assert steps.context_tokens.tolist() == [30, 31, 8]


def test_steps_are_taken_once():
    log, _ = record((scheduler(ctx=(1, 8)), outputs(1, firsts=1)))
    assert log.take()
    assert not log.take()


def test_drafts_are_unknown_without_speculation_and_counted_with_it():
    drafts = SimpleNamespace(num_draft_tokens=4, num_accepted_tokens=3)
    log, _ = record(
        (scheduler(ctx=(1, 8)), outputs(1, firsts=1)),
        (scheduler(generation=1, spec_decoding_stats=drafts), outputs(4)),
    )
    steps = log.take()
    assert steps is not None
    first, second = steps.rows()
    assert (first.drafted_tokens, first.accepted_tokens) == (None, None)
    assert (second.drafted_tokens, second.accepted_tokens) == (4, 3)


def test_a_vllm_that_does_not_state_its_iterations_is_told():
    log, _ = record((SimpleNamespace(num_running_reqs=1), outputs(1, firsts=1)))
    assert log.take() is None
    assert log.unknown == "this version of vLLM does not state what it computes in an iteration"


def test_a_vllm_that_names_its_statistics_otherwise_is_told():
    changed = scheduler(ctx=(1, 8))
    del changed.iteration_details.num_ctx_tokens
    log, _ = record((changed, outputs(1, firsts=1)))
    assert log.take() is None
    assert log.unknown is not None
    assert "num_ctx_tokens" in log.unknown
