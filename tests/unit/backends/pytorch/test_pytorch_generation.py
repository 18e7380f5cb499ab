from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.backends.base import ScheduledRequest
from llenergymeasure.backends.pytorch.generation import Generation
from llenergymeasure.exceptions import ConfigError
from tests.support.models import edit_json
from tests.support.pytorch_runs import (
    TEXTS,
    as_prompts,
    batches_of,
    configure,
    generate,
    loaded,
    serve,
    with_ends,
)

pytestmark = pytest.mark.model

ARCHITECTURES = ["tiny_llama", "tiny_gpt2", "tiny_opt"]


@pytest.fixture(params=ARCHITECTURES)
def tiny_model(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def counts(generations: list[Generation]) -> list[tuple[int, int]]:
    return [(generation.request.prompt_tokens, len(generation.output_ids)) for generation in generations]


def outputs(generations: list[Generation]) -> list[tuple[int, ...]]:
    return [generation.output_ids for generation in generations]


def first_seen_at(step: int, output: tuple[int, ...]) -> int:
    """Return a token of the output that comes up for the first time at or after `step`."""
    return next(token for place, token in enumerate(output) if place >= step and token not in output[:place])


def test_a_batch_of_unequal_prompts_gives_what_each_prompt_gives_alone(tiny_model):
    alone = generate(tiny_model, pytorch={"batch_size": 1}, decoder={"ignore_eos": True})
    together = generate(tiny_model, pytorch={"batch_size": 3}, decoder={"ignore_eos": True})
    assert len({generation.request.prompt_tokens for generation in alone}) == len(TEXTS)
    assert counts(together) == counts(alone)
    assert outputs(together) == outputs(alone)


def test_the_end_counts_and_nothing_after_it(tiny_model, tmp_path):
    whole = generate(tiny_model, max_output_tokens=16, decoder={"ignore_eos": True})
    end = first_seen_at(5, whole[0].output_ids)
    stop = whole[0].output_ids.index(end)
    ending = with_ends(tiny_model, tmp_path / "ending", end)

    stopped = generate(ending, max_output_tokens=16, pytorch={"batch_size": 3})

    assert stopped[0].output_ids == whole[0].output_ids[: stop + 1]
    assert stopped[0].finish_reason == "stop"
    assert sum(stopped[0].chunk_tokens) == stop + 1
    for cut, full in zip(stopped, whole, strict=True):
        assert cut.output_ids == full.output_ids[: len(cut.output_ids)]
        assert (cut.finish_reason == "stop") == (end in full.output_ids)


def test_a_tokenizer_that_pads_with_its_end_token_is_counted_right(tiny_gpt2, tmp_path):
    whole = generate(tiny_gpt2, max_output_tokens=16, decoder={"ignore_eos": True})
    end = first_seen_at(3, whole[1].output_ids)
    ending = with_ends(tiny_gpt2, tmp_path / "ending", end)
    config = configure(ending, max_output_tokens=16, pytorch={"batch_size": 3})
    with loaded(config) as backend:
        (batch,) = batches_of(backend, as_prompts(TEXTS))
        assert end in batch.inputs["input_ids"][0].tolist(), "padded with the end token"
        together = backend._loaded().generate(batch)
    alone = generate(ending, max_output_tokens=16)
    assert counts(together) == counts(alone)
    assert outputs(together) == outputs(alone)


def test_any_of_several_end_tokens_ends(tiny_llama, tmp_path):
    (whole,) = generate(tiny_llama, TEXTS[:1], max_output_tokens=16, decoder={"ignore_eos": True})
    late, early = first_seen_at(9, whole.output_ids), first_seen_at(4, whole.output_ids)
    ending = with_ends(tiny_llama, tmp_path / "ending", [late, early])
    (stopped,) = generate(ending, TEXTS[:1], max_output_tokens=16)
    assert len(stopped.output_ids) == whole.output_ids.index(early) + 1
    assert stopped.finish_reason == "stop"


def test_ignoring_the_end_gives_exactly_the_tokens_asked_for(tiny_llama, tmp_path):
    (whole,) = generate(tiny_llama, TEXTS[:1], max_output_tokens=16, decoder={"ignore_eos": True})
    ending = with_ends(tiny_llama, tmp_path / "ending", whole.output_ids[2])
    (ignoring,) = generate(ending, TEXTS[:1], max_output_tokens=16, decoder={"ignore_eos": True})
    assert ignoring.output_ids == whole.output_ids
    assert ignoring.finish_reason == "length"


def test_every_token_has_a_time_between_sending_and_end(tiny_llama):
    for generation in generate(tiny_llama, pytorch={"batch_size": 2}):
        times = generation.chunk_unix_ns
        assert generation.chunk_tokens == (1,) * len(generation.output_ids)
        assert list(times) == sorted(times)
        assert generation.sent_unix_ns < times[0] <= times[-1] <= generation.closed_unix_ns


def test_beam_search_gives_other_output_and_no_invented_times(tiny_llama):
    greedy = generate(tiny_llama, pytorch={"batch_size": 2})
    beams = generate(tiny_llama, pytorch={"batch_size": 2, "num_beams": 3})
    assert outputs(beams) != outputs(greedy)
    assert all(generation.chunk_unix_ns == generation.chunk_tokens == () for generation in beams)


def test_a_long_output_is_favoured_by_the_length_penalty(tiny_llama, tmp_path):
    whole = generate(tiny_llama, max_output_tokens=16, decoder={"ignore_eos": True})
    ends = sorted({token for generation in whole for token in generation.output_ids[3:5]})
    ending = with_ends(tiny_llama, tmp_path / "ending", ends)

    def total(**options: object) -> int:
        served = generate(ending, max_output_tokens=16, pytorch={"batch_size": 3, "num_beams": 4, **options})
        return sum(len(generation.output_ids) for generation in served)

    assert total(length_penalty=4.0) > total(length_penalty=-4.0)
    assert total(early_stopping=True) <= total(length_penalty=4.0)


def test_prompt_lookup_drafts_from_the_prompt_and_changes_no_token(tiny_llama):
    (plain,) = generate(tiny_llama, TEXTS[:1], max_output_tokens=60, decoder={"ignore_eos": True})
    (drafted,) = generate(
        tiny_llama,
        TEXTS[:1],
        max_output_tokens=60,
        decoder={"ignore_eos": True},
        pytorch={"prompt_lookup_num_tokens": 4},
    )
    assert drafted.output_ids == plain.output_ids
    assert sum(drafted.chunk_tokens) == len(drafted.output_ids) == 60
    assert max(drafted.chunk_tokens) > 1


@pytest.mark.parametrize("options", [{"cache_implementation": "static"}, {"use_cache": False}])
def test_the_kind_of_cache_changes_no_token(tiny_llama, options):
    plain = generate(tiny_llama, pytorch={"batch_size": 3})
    assert outputs(generate(tiny_llama, pytorch={"batch_size": 3, **options})) == outputs(plain)


def test_a_repetition_penalty_reaches_the_decoder(tiny_llama):
    plain = generate(tiny_llama, max_output_tokens=24)
    assert outputs(
        generate(tiny_llama, max_output_tokens=24, decoder={"repetition_penalty": 5.0})
    ) != outputs(plain)


def test_a_repetition_penalty_never_meets_padding(tiny_gpt2, tiny_llama):
    penalised = {"decoder": {"repetition_penalty": 1.5}}
    with pytest.raises(ConfigError, match=r"set pytorch\.batch_size: 1"):
        generate(tiny_gpt2, pytorch={"batch_size": 3}, **penalised)
    assert generate(tiny_gpt2, pytorch={"batch_size": 1}, **penalised)
    assert outputs(generate(tiny_llama, pytorch={"batch_size": 3}, **penalised)) == outputs(
        generate(tiny_llama, **penalised)
    )


def test_a_repetition_penalty_is_judged_by_the_token_that_pads(tiny_gpt2, tiny_llama, tmp_path):
    penalised = {"decoder": {"repetition_penalty": 1.5}, "pytorch": {"batch_size": 3}}
    apart = Path(shutil.copytree(tiny_gpt2, tmp_path / "apart"))
    edit_json(apart / "generation_config.json", pad_token_id=5)
    assert generate(apart, **penalised)
    outside = Path(shutil.copytree(tiny_llama, tmp_path / "outside"))
    for name in ("config.json", "generation_config.json"):
        edit_json(outside / name, pad_token_id=None)
    edit_json(outside / "tokenizer_config.json", pad_token=None)
    with pytest.raises(ConfigError, match="has no token for padding alone"):
        generate(outside, **penalised)
    edit_json(outside / "tokenizer_config.json", pad_token="<far>")  # an id that the model has no row for
    with pytest.raises(ConfigError, match="has no token for padding alone"):
        generate(outside, **penalised)


def test_sampling_is_the_same_in_every_repeat_and_every_run_of_one_seed(tiny_llama):
    config = configure(tiny_llama, decoder={"preset": "sampling"}, pytorch={"batch_size": 2}, random_seed=7)
    with loaded(config) as backend:
        batches = batches_of(backend, as_prompts(TEXTS))
        backend._loaded().generate(batches[1])  # as a warm-up of another length would
        first = [outputs(backend._loaded().generate(batch)) for batch in batches]
        assert [outputs(backend._loaded().generate(batch)) for batch in batches] == first
    with loaded(config) as backend:
        assert outputs(serve(backend, as_prompts(TEXTS))) == [ids for each in first for ids in each]


def test_another_seed_samples_other_tokens(tiny_llama):
    drawn = [
        outputs(generate(tiny_llama, decoder={"preset": "sampling"}, random_seed=seed)) for seed in (1, 2)
    ]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("decoder", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}])
def test_sampling_options_reach_the_decoder(tiny_llama, decoder):
    greedy = generate(tiny_llama)
    sampled = generate(tiny_llama, decoder={"preset": "sampling", **decoder})
    assert outputs(sampled) == outputs(greedy)


def test_a_models_recommended_sampling_does_not_slip_into_a_run(tiny_llama, tmp_path):
    from tests.support.models import edit_json

    opinionated = with_ends(tiny_llama, tmp_path / "opinionated", 1)
    edit_json(
        opinionated / "generation_config.json",
        do_sample=True,
        temperature=5.0,
        top_k=3,
        repetition_penalty=3.0,
        max_length=5,
        num_beams=4,
        min_new_tokens=3,
    )
    assert outputs(generate(opinionated)) == outputs(generate(tiny_llama))


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["eager", "aot_eager"])
def test_a_compiled_model_really_is_compiled_and_changes_no_token(tiny_llama, compiler):
    import torch
    from torch._dynamo.utils import counters

    plain = generate(tiny_llama, pytorch={"batch_size": 3})
    torch._dynamo.reset()
    counters.clear()
    compiled = generate(
        tiny_llama,
        pytorch={"batch_size": 3, "torch_compile": True, "torch_compile_backend": compiler},
    )
    assert outputs(compiled) == outputs(plain)
    assert counters["frames"]["ok"] == counters["frames"]["total"] > 0


def test_requests_of_a_batch_are_reported_together_with_its_number_and_the_tokens_of_their_answers(
    tiny_llama,
):
    config = configure(tiny_llama, pytorch={"batch_size": 2})
    records = []
    with loaded(config) as backend:
        workload = backend.encode(as_prompts(TEXTS))
        requests = [
            ScheduledRequest(request_id=f"r{each.index}", repeat=0, scheduled_unix_ns=1, encoded=each)
            for each in workload
        ]
        backend.run(requests, records.append)
        answers = serve(backend, as_prompts(TEXTS))
    assert [(record.request_id, record.batch) for record in records] == [("r0", 0), ("r1", 0), ("r2", 1)]
    assert records[0].closed_unix_ns == records[1].closed_unix_ns < records[2].sent_unix_ns
    assert [(each.prompt_tokens, each.output_tokens) for each in records] == counts(answers)


def test_batches_of_the_workload_are_on_the_device_before_the_first_window(tiny_llama):
    config = configure(tiny_llama, pytorch={"batch_size": 2})
    with loaded(config) as backend:
        workload = backend.encode(as_prompts(TEXTS))
        batches = backend._loaded()._batches
        assert list(batches) == [tuple(workload[:2]), tuple(workload[2:])]
        assert backend._loaded()._batch(workload[:2]) is batches[tuple(workload[:2])]
