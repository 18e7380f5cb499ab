"""The `synthetic` workload: prompts of an exact length, drawn from the seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.core.random_streams import random_stream
from llenergymeasure.domain.request import Prompt
from llenergymeasure.workloads.lengths import draw_lengths
from llenergymeasure.workloads.options import Lengths, SyntheticOptions

DEFAULT_INPUT_TOKENS = 128


class SyntheticWorkload:
    """Length and token seed of each prompt; the backend draws the tokens from its vocabulary."""

    name: ClassVar[str] = "synthetic"

    def check(self, config: WorkloadConfig) -> str | None:
        options = config.options(SyntheticOptions)
        if config.prompt_field != "prompt":
            return f"workload.prompt_field '{config.prompt_field}' has no effect with dataset: synthetic; remove it"
        if config.input_tokens is not None and options.input_lengths is not None:
            return (
                "workload.input_tokens and workload.input_lengths both say how long prompts are; remove one"
            )
        for name, lengths, most in (
            ("input", options.input_lengths, config.max_input_tokens),
            ("output", options.output_lengths, config.max_output_tokens),
        ):
            if lengths is not None and lengths.max > most:
                return f"workload.{name}_lengths.max {lengths.max} exceeds workload.max_{name}_tokens {most}"
        longest = _longest(config, options)
        if longest > config.max_input_tokens:
            return (
                f"the prompt of turn {options.turns} has up to {longest} tokens, over workload.max_input_tokens "
                f"{config.max_input_tokens}: raise it, or set fewer turns or shorter lengths"
            )
        return None

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        options = config.options(SyntheticOptions)
        inputs = _lengths(options.input_lengths, _input_tokens(config), config.n_prompts, seed, "prompts")
        outputs = _lengths(
            options.output_lengths, config.max_output_tokens, config.n_prompts, seed, "answers"
        )
        first = first_token_seed(seed)
        limits = outputs if options.output_lengths is not None else [None] * config.n_prompts
        own = zip(_in_session(options.turns, inputs, outputs), limits, strict=True)
        return [
            Prompt(
                prompt_id=f"synthetic-{index + 1}",
                n_tokens=n_tokens,
                token_seed=first + index - index % options.turns,
                max_output_tokens=limit,
                session=f"session-{index // options.turns + 1}" if options.turns > 1 else None,
            )
            for index, (n_tokens, limit) in enumerate(own)
        ]


def _longest(config: WorkloadConfig, options: SyntheticOptions) -> int:
    """Return the most tokens that the prompt of a last turn may have."""
    prompt = options.input_lengths.max if options.input_lengths else _input_tokens(config)
    answer = options.output_lengths.max if options.output_lengths else config.max_output_tokens
    return options.turns * prompt + (options.turns - 1) * answer


def _input_tokens(config: WorkloadConfig) -> int:
    return config.input_tokens or min(DEFAULT_INPUT_TOKENS, config.max_input_tokens)


def _lengths(lengths: Lengths | None, constant: int, count: int, seed: int, of: str) -> Sequence[int]:
    if lengths is None:
        return [constant] * count
    return draw_lengths(lengths, count, random_stream(seed, f"lengths of {of}"))


def _in_session(turns: int, inputs: Sequence[int], outputs: Sequence[int]) -> Iterator[int]:
    """Yield the length of each prompt with all that was said before it in its session."""
    before = 0
    for index, (prompt, answer) in enumerate(zip(inputs, outputs, strict=True)):
        before = 0 if index % turns == 0 else before
        yield before + prompt
        before += prompt + answer


def first_token_seed(seed: int) -> int:
    """Return 31 bits of a hash, so that the prompts of seed 42 are not those of seed 43 moved by one.

    Counting on from there keeps token seeds distinct, and under 2**32, the most that common generators take.
    """
    digest = hashlib.sha256(f"synthetic prompts {seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
