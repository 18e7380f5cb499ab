"""Model FLOPs, executed FLOPs and bytes of requests, beside the same by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.domain.model.shape import AttentionShape, Execution, LayerShape, ModelShape
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.performance.work.traffic import kv_bytes_per_token, kv_cache_bytes
from llenergymeasure.metrics.performance.work.weights import expected_experts
from llenergymeasure.metrics.performance.work.window_work import (
    NO_BATCHES,
    NO_PASSES,
    NO_SHAPE,
    Work,
    window_work,
)
from tests.support.flop_counting import batch
from tests.unit.metrics.performance.work.shapes import EAGER, EXPERTS, PER_LOOK, info, layer, shape

PER_TOKEN = 2 * 2 * (300 + 200)  # two layers
HEAD = 2 * 320
LENGTHS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 30)), min_size=1, max_size=6)
WINDOWS = st.sampled_from([None, 1, 7, 100])


def work(
    lengths: list[tuple[int, int]],
    of: ModelShape | None = None,
    execution: Execution = EAGER,
    requests: RequestTable | None = None,
) -> Work:
    prompts, outputs = zip(*lengths, strict=True)
    return window_work(info(of or shape(), execution), requests or batch(prompts, outputs))


# --- what the model asks for


def test_prefill_asks_for_the_causal_half_and_one_position_of_the_output_layer():
    looks = 2 * PER_LOOK * (1 + 2 + 3 + 4 + 5)
    assert work([(5, 1)]).prefill.flops_model == 5 * PER_TOKEN + HEAD + looks
    assert work([(5, 1)]).decode.flops_model == 0


def test_each_later_token_looks_at_all_before_it_and_the_last_one_is_never_processed():
    assert work([(5, 3)]).decode.flops_model == 2 * (PER_TOKEN + HEAD) + 2 * PER_LOOK * (6 + 7)


def test_a_window_bounds_what_a_token_looks_back_at():
    of = shape(layer(3))
    assert work([(5, 2)], of).prefill.flops_model == 5 * PER_TOKEN + HEAD + 2 * PER_LOOK * (1 + 2 + 3 + 3 + 3)
    assert work([(5, 2)], of).decode.flops_model == PER_TOKEN + HEAD + 2 * PER_LOOK * 3


def test_a_token_multiplies_with_the_experts_that_it_is_sent_to():
    of = shape(layer(experts=EXPERTS))
    routed = 2 * 2 * 2 * 50
    assert work([(1, 1)], of).prefill.flops_model == PER_TOKEN + routed + HEAD + 2 * PER_LOOK


def test_prompt_tokens_from_a_prefix_cache_cost_nothing_but_are_looked_at():
    requests = dataclasses.replace(batch([5], [1]), cached_prompt_tokens=np.array([3], dtype=np.int32))
    assert work([(5, 1)], requests=requests).prefill.flops_model == 2 * PER_TOKEN + HEAD + 2 * PER_LOOK * (
        4 + 5
    )


@given(LENGTHS, WINDOWS)
def test_model_flops_add_up_over_requests(lengths, window):
    alone = [work([each], shape(layer(window))) for each in lengths]
    together = work(lengths, shape(layer(window)))
    assert together.prefill.flops_model == sum(each.prefill.flops_model or 0 for each in alone)
    assert together.decode.flops_model == sum(each.decode.flops_model or 0 for each in alone)


@given(st.integers(1, 40), st.integers(1, 30), WINDOWS)
def test_decoding_is_the_sum_of_its_steps(prompt, outputs, window):
    of = shape(layer(window))
    steps = [work([(prompt + step, 2)], of).decode for step in range(outputs - 1)]
    whole = work([(prompt, outputs)], of).decode
    assert whole.flops_model == sum(each.flops_model or 0 for each in steps)
    assert whole.flops_executed == sum(each.flops_executed or 0 for each in steps)
    assert whole.n_bytes == pytest.approx(sum(each.n_bytes or 0 for each in steps))


# --- what the implementation executes


@given(LENGTHS, WINDOWS, st.sampled_from(["rectangle", "causal_unless_masked", "causal"]), st.booleans())
def test_no_implementation_executes_less_than_the_model_asks_for(lengths, window, attention, expands):
    execution = Execution(attention=attention, expands_cached_latents=expands)
    found = work(lengths, shape(layer(window), layer(experts=EXPERTS)), execution)
    for phase in (found.prefill, found.decode):
        assert (phase.flops_model or 0) <= (phase.flops_executed or 0)


def test_eager_attention_multiplies_the_rectangle_and_padding_is_computed():
    found = work([(5, 3), (2, 1)])
    assert found.prefill.flops_executed == 2 * (5 * PER_TOKEN + HEAD + 2 * PER_LOOK * 5 * 5)
    assert found.decode.flops_executed == 2 * (2 * (PER_TOKEN + HEAD) + 2 * PER_LOOK * (6 + 7))


def test_fused_attention_skips_the_masked_half_unless_padding_needs_a_mask():
    fused = Execution(attention="causal_unless_masked")
    even, padded = work([(5, 1), (5, 1)], execution=fused), work([(5, 1), (4, 1)], execution=fused)
    assert even.prefill.flops_executed == even.prefill.flops_model
    assert padded.prefill.flops_executed == work([(5, 1), (4, 1)]).prefill.flops_executed


def test_an_engine_that_does_not_pad_executes_each_request_alone():
    requests = dataclasses.replace(batch([5, 2], [3, 1]), batch=np.array([UNKNOWN] * 2, dtype=np.int32))
    found = work([(5, 3)], execution=Execution(attention="rectangle", pads=False), requests=requests)
    alone = [work([each]).total.flops_executed or 0 for each in ((5, 3), (2, 1))]
    assert found.total.flops_executed == sum(alone)


def test_an_output_layer_at_every_position_costs_that_of_the_whole_prompt():
    all_positions = work([(5, 1)], execution=Execution(attention="rectangle", output_positions="all"))
    assert all_positions.prefill.flops_executed == (work([(5, 1)]).prefill.flops_executed or 0) + 4 * HEAD


def test_latents_of_all_cached_tokens_are_expanded_again_in_every_step():
    attention = AttentionShape(
        kind="mla", heads=4, qk_head_dim=8, v_head_dim=8, parameters=300, latent_parameters=100
    )
    of = shape(LayerShape(layers=2, attention=attention))
    once, again = (
        work(
            [(5, 3)], of, Execution(attention="rectangle", expands_cached_latents=expands)
        ).decode.flops_executed
        for expands in (False, True)
    )
    assert (again or 0) - (once or 0) == 2 * 2 * 100 * (5 + 6)


def test_batches_that_were_sent_apart_are_padded_apart():
    two = RequestTable.concatenate([batch([5], [1]), batch([50], [1], number=1)])
    apart = (work([(5, 1)]).prefill.flops_executed or 0) + (work([(50, 1)]).prefill.flops_executed or 0)
    assert work([(5, 1)], requests=two).prefill.flops_executed == apart
    assert work([(5, 1)], requests=two).prefill.passes == 2


# --- what moves


def test_weights_are_read_once_a_pass_and_the_cache_is_written_and_read():
    weights = 2 * 1000 + 640 + 64
    kv = 2 * 32 * 2  # layers, elements, bytes
    found = work([(5, 3), (2, 1)])
    assert found.prefill.n_bytes == weights + 64 * 7 + kv * (5 + 5 + 2 + 2)
    assert found.decode.n_bytes == 2 * weights + 64 * 2 + kv * (2 + 6 + 7)
    assert (found.prefill.passes, found.decode.passes) == (1, 2)


def test_sixteen_tokens_meet_82_of_128_experts_with_eight_each():
    of_128 = EXPERTS.model_copy(update={"number": 128, "per_token": 8})
    assert expected_experts(of_128, np.array([16.0])) == pytest.approx(82.4, abs=0.1)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 10_000))
def test_a_pass_meets_at_least_the_experts_of_one_token_and_at_most_all(number, per_token, tokens):
    per_token = min(number, per_token)
    experts = EXPERTS.model_copy(update={"number": number, "per_token": per_token})
    found = expected_experts(experts, np.array([float(tokens)]))[0]
    assert per_token - 1e-9 <= found <= number


def test_a_step_reads_the_experts_of_the_rows_that_still_decode():
    plain, of = work([(5, 4), (5, 2)]), shape(layer(experts=EXPERTS))
    routed = (work([(5, 4), (5, 2)], of).decode.n_bytes or 0) - (plain.decode.n_bytes or 0)
    two_rows, one_row = 8 * (1 - 0.75**2), 8 * (1 - 0.75)
    assert routed == pytest.approx(2 * 100 * (two_rows + 2 * one_row))


def step(prefill: int, decode: int) -> StepRecord:
    return StepRecord(
        start_unix_ns=1,
        end_unix_ns=2,
        prefill_tokens=prefill,
        decode_tokens=decode,
        requests=decode + (prefill > 0),
        context_tokens=prefill + decode,
    )


def test_without_batches_the_steps_say_how_often_weights_were_read():
    of = shape(layer(experts=EXPERTS))
    in_batch = work([(5, 3)], of)
    requests = dataclasses.replace(batch([5], [3]), batch=np.array([UNKNOWN], dtype=np.int32))
    steps = StepTable.from_records([step(5, 0), step(0, 1), step(0, 1)])
    by_steps = window_work(info(of), requests, steps)
    assert (by_steps.prefill.passes, by_steps.decode.passes) == (1, 2)
    assert by_steps.prefill.n_bytes == pytest.approx(in_batch.prefill.n_bytes)
    assert by_steps.decode.n_bytes == pytest.approx(in_batch.decode.n_bytes)


def test_a_step_of_both_phases_reads_the_weights_once_and_shares_them_out_by_tokens():
    requests = dataclasses.replace(batch([6], [3]), batch=np.array([UNKNOWN], dtype=np.int32))
    mixed = window_work(info(shape()), requests, StepTable.from_records([step(6, 2)]))
    nothing = window_work(info(shape()), requests, StepTable.empty())
    weights = 2 * 1000 + 640 + 64
    assert (mixed.prefill.n_bytes or 0) - (nothing.prefill.n_bytes or 0) == pytest.approx(0.75 * weights)
    assert (mixed.decode.n_bytes or 0) - (nothing.decode.n_bytes or 0) == pytest.approx(0.25 * weights)


def test_the_cache_of_a_layer_with_a_window_ends_growing():
    of = shape(layer(3), layer(None))
    assert kv_bytes_per_token(info(of)) == 4 * 32 * 2
    assert kv_cache_bytes(of, np.array([10.0])) == 2 * 64 * 3 + 2 * 64 * 10


# --- what is not known


def test_without_a_shape_nothing_is_known_and_the_reason_is_said():
    found = window_work(info(None, shape="Mamba: its layers are not understood"), batch([5], [1]))
    assert found.total.flops_model is found.total.flops_executed is found.total.n_bytes is None
    assert set(found.unknown.values()) == {"Mamba: its layers are not understood"}
    assert window_work(None, batch([5], [1])).unknown["flops_model"] == NO_SHAPE


def test_without_batches_only_the_mathematics_is_known():
    requests = dataclasses.replace(batch([5], [3]), batch=np.array([UNKNOWN], dtype=np.int32))
    found = work([(5, 3)], requests=requests)
    assert found.total.flops_model == work([(5, 3)]).total.flops_model
    assert found.total.n_bytes is found.total.flops_executed is None
    assert found.unknown == {"flops_executed": NO_BATCHES, "n_bytes": NO_PASSES}


def test_speculation_leaves_passes_unknown():
    execution = Execution(attention="rectangle", unknown="drafts", passes_unknown="drafts")
    found = work([(5, 3)], execution=execution)
    assert found.unknown == {"flops_executed": "drafts", "n_bytes": "drafts"}


def test_a_cache_without_a_fixed_size_leaves_bytes_unknown():
    found = work([(5, 3)], shape().model_copy(update={"kv_element_bytes": None}))
    assert found.total.n_bytes is None
    assert found.total.flops_executed is not None
    assert "quantised KV cache" in found.unknown["n_bytes"]


def test_no_requests_are_no_work():
    found = window_work(info(shape()), RequestTable.empty())
    assert found.total.flops_model == found.total.flops_executed == found.total.n_bytes == 0
