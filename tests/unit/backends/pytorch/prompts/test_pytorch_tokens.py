from __future__ import annotations

import copy
import random

import pytest

from llenergymeasure.backends.prompts import check_context
from llenergymeasure.backends.pytorch.prompts.tokens import encode, ordinary_ids
from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError, ConfigError
from tests.support.pytorch_runs import TEXTS, as_prompts, batches_of, configure, loaded, serve

pytestmark = pytest.mark.model

N_ROWS = 400


@pytest.fixture(scope="module")
def tokenizer(tiny_llama):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_llama)


def test_plain_text_gets_the_tokenizers_own_special_tokens(tokenizer):
    (ids,) = encode(tokenizer, as_prompts(TEXTS[:1]), WorkloadConfig(), N_ROWS)
    assert ids == tokenizer(TEXTS[0])["input_ids"]
    assert ids[0] == tokenizer.bos_token_id


def test_a_chat_gets_the_templates_special_tokens_and_no_others(tokenizer):
    (ids,) = encode(tokenizer, as_prompts(["Hi"]), WorkloadConfig(chat_template=True), N_ROWS)
    assert tokenizer.decode(ids) == "<|user|>Hi</s><|assistant|>"
    assert tokenizer.bos_token_id not in ids


def test_a_model_without_a_chat_template_is_said_to_have_none(tiny_gpt2):
    config = configure(tiny_gpt2, workload={"chat_template": True})
    with loaded(config) as backend, pytest.raises(ConfigError, match="no chat template"):
        backend.encode(as_prompts(TEXTS))


def test_long_prompts_keep_their_last_tokens(tokenizer):
    (whole,) = encode(tokenizer, as_prompts([TEXTS[1]]), WorkloadConfig(), N_ROWS)
    (cut,) = encode(tokenizer, as_prompts([TEXTS[1]]), WorkloadConfig(max_input_tokens=7), N_ROWS)
    assert len(whole) > 7
    assert cut == whole[-7:]


def test_prompts_of_which_the_limit_leaves_nothing_are_refused(tokenizer):
    tokenizer = copy.copy(tokenizer)
    tokenizer.chat_template = (
        "{{ messages[0]['content'] }} and then a tail that is longer than all that is kept"
    )
    workload = WorkloadConfig(max_input_tokens=8, chat_template=True)
    with pytest.raises(
        ConfigError, match=r"the last 8 tokens of all 3 different prompts are the same.*max_input_tokens"
    ):
        encode(tokenizer, as_prompts(TEXTS), workload, len(tokenizer))


def test_a_synthetic_prompt_has_exactly_the_length_asked_for_and_no_special_token(tokenizer):
    prompt = Prompt(prompt_id="s", n_tokens=300, token_seed=5)
    (ids,) = encode(tokenizer, [prompt], WorkloadConfig(), N_ROWS)
    assert len(ids) == 300
    assert not set(ids) & set(tokenizer.all_special_ids)


def test_a_synthetic_prompt_is_a_function_of_its_seed(tokenizer):
    def draw(seed: int) -> list[int]:
        random.random()  # the draw must not depend on the global generator
        return encode(
            tokenizer, [Prompt(prompt_id="s", n_tokens=50, token_seed=seed)], WorkloadConfig(), N_ROWS
        )[0]

    assert draw(1) == draw(1) != draw(2)


def test_synthetic_prompts_are_drawn_from_tokens_that_the_model_has(tokenizer):
    assert max(ordinary_ids(tokenizer, 100)) == 99


def test_an_empty_prompt_is_named(tiny_gpt2):
    with loaded(configure(tiny_gpt2)) as backend, pytest.raises(ConfigError, match="prompt p1 has no tokens"):
        backend.encode(as_prompts(["fine", ""]))


def test_a_tokenizer_of_another_model_is_refused(tokenizer):
    with pytest.raises(BackendError, match="the model has only 50"):
        encode(tokenizer, as_prompts(TEXTS), WorkloadConfig(), 50)


def test_what_exceeds_the_context_is_refused_with_the_numbers(tiny_llama):
    config = configure(tiny_llama, max_output_tokens=500)
    with loaded(config) as backend, pytest.raises(ConfigError) as refused:
        backend.encode([Prompt(prompt_id="s", n_tokens=13, token_seed=0)])
    for part in ("13 tokens", "(500)", "513", "512"):
        assert part in str(refused.value)


def test_what_just_fits_the_context_is_served(tiny_llama):
    config = configure(tiny_llama, max_output_tokens=12, decoder={"ignore_eos": True})
    with loaded(config) as backend:
        (answer,) = serve(backend, [Prompt(prompt_id="s", n_tokens=500, token_seed=0)])
    assert (answer.request.prompt_tokens, len(answer.output_ids)) == (500, 12)


def test_a_context_of_unknown_length_is_not_guessed():
    check_context([[1] * 10_000], WorkloadConfig(), None)


def test_batches_keep_the_order_and_pad_on_the_left(tiny_llama):
    config = configure(tiny_llama, pytorch={"batch_size": 2})
    with loaded(config) as backend:
        batches = batches_of(backend, as_prompts(TEXTS))
    assert [tuple(each.prompt.prompt_id for each in batch.requests) for batch in batches] == [
        ("p0", "p1"),
        ("p2",),
    ]
    assert [batch.index for batch in batches] == [0, 1]
    for batch in batches:
        mask = batch.inputs["attention_mask"]
        assert mask.sum(dim=1).tolist() == list(batch.prompt_tokens)
        assert bool((mask[:, -1] == 1).all())
