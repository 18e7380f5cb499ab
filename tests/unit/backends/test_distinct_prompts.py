"""Prompts with another beginning have the length of the original, and agree in no more than what all have in common."""

from __future__ import annotations

import random

import pytest

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.backends.distinct_prompts import DistinctPrompts, with_words_moved
from llenergymeasure.domain.request import Prompt

HEAD, TAIL = (1, 4, 4093), (2, 198)
TEXT = "Why does bread go stale sooner in the fridge than inside a box at room temperature?"


def _workload(
    n_prompts: int, length: int, head: tuple[int, ...] = HEAD, tail: tuple[int, ...] = TAIL
) -> list[EncodedRequest]:
    rng = random.Random(7)
    return [
        EncodedRequest(
            prompt=Prompt(prompt_id=f"p{index}", text=TEXT),
            index=index,
            prompt_tokens=len(head) + length + len(tail),
            token_ids=(*head, *rng.choices(range(1000, 1400), k=length), *tail),
        )
        for index in range(n_prompts)
    ]


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), len(one)
    )


def test_a_varied_prompt_keeps_its_length_and_what_the_chat_template_wrote() -> None:
    workload = _workload(20, 30)
    prompts = DistinctPrompts(workload, seed=1)
    for serial, each in enumerate(workload):
        varied = prompts.vary(each, serial)
        assert len(varied.token_ids) == varied.prompt_tokens == each.prompt_tokens
        assert varied.token_ids[:3] == HEAD
        assert varied.token_ids[-2:] == TAIL
        assert varied.token_ids != each.token_ids


def test_the_common_head_is_found() -> None:
    assert DistinctPrompts(_workload(20, 30), seed=1).common_head_tokens == len(HEAD)


def test_one_prompt_tells_no_common_head() -> None:
    assert DistinctPrompts(_workload(1, 30), seed=1).common_head_tokens is None


def test_a_thousand_beginnings_of_one_prompt_are_all_different() -> None:
    workload = _workload(20, 30)
    prompts = DistinctPrompts(workload, seed=1)
    beginnings = {prompts.vary(workload[0], serial).token_ids[:7] for serial in range(1000)}
    assert len(beginnings) == 1000


def test_two_varied_prompts_share_little_more_than_the_head() -> None:
    workload = _workload(20, 30)
    prompts = DistinctPrompts(workload, seed=1)
    varied = [prompts.vary(workload[0], serial).token_ids for serial in range(300)]
    assert max(_shared(varied[0], other) for other in varied[1:]) <= len(HEAD) + 1


def test_special_tokens_are_not_drawn() -> None:
    workload = _workload(20, 30)
    prompts = DistinctPrompts(workload, seed=1)
    drawn = {id_ for serial in range(300) for id_ in prompts.vary(workload[0], serial).token_ids[3:7]}
    assert drawn <= set(range(1000, 1400))


def test_a_prompt_that_is_only_template_is_left_as_it_is() -> None:
    workload = _workload(3, 0)
    assert DistinctPrompts(workload, seed=1).vary(workload[0], 5) is not workload[0]  # its text is moved
    bare = [EncodedRequest(prompt=Prompt(prompt_id="a"), index=0, prompt_tokens=2, token_ids=(1, 2))] * 2
    assert DistinctPrompts(bare, seed=1).vary(bare[0], 5) is bare[0]


def test_a_synthetic_prompt_is_drawn_from_another_seed() -> None:
    prompt = Prompt(prompt_id="a", n_tokens=100, token_seed=3)
    encoded = EncodedRequest(prompt=prompt, index=0, prompt_tokens=100)
    prompts = DistinctPrompts([encoded], seed=1)
    seeds = {prompts.vary(encoded, serial).prompt.token_seed for serial in range(100)}
    assert len(seeds) == 100
    assert 3 not in seeds


@pytest.mark.parametrize(
    "text", [TEXT, "def f(x):\n    return x + 1\n\nprint(f(2))", "one  two\n\nthree four five six", "a", ""]
)
def test_a_text_keeps_its_words_and_its_spaces(text: str) -> None:
    for serial in range(50):
        moved = with_words_moved(text, serial)
        assert sorted(moved.split()) == sorted(text.split())
        assert moved.count(" ") == text.count(" ")
        assert len(moved) == len(text)


def test_a_text_has_a_new_order_of_its_words_for_each_serial_number() -> None:
    assert len({with_words_moved(TEXT, serial) for serial in range(1000)}) == 1000
    assert TEXT not in {with_words_moved(TEXT, serial) for serial in range(1000)}


def test_only_words_behind_a_single_space_move() -> None:
    text = "first\nsecond third  fourth fifth"
    for serial in range(10):
        moved = with_words_moved(text, serial)
        assert moved.startswith("first\nsecond ")
