"""The `synthetic` workload: prompts of an exact length, drawn from the seed."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt

DEFAULT_INPUT_TOKENS = 128


class SyntheticWorkload:
    """Length and token seed of each prompt; the backend draws the tokens from its vocabulary."""

    name: ClassVar[str] = "synthetic"

    def check(self, config: WorkloadConfig) -> str | None:
        if config.prompt_field != "prompt":
            return f"workload.prompt_field '{config.prompt_field}' has no effect with dataset: synthetic; remove it"
        return None

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        n_tokens = config.input_tokens or min(DEFAULT_INPUT_TOKENS, config.max_input_tokens)
        first = _first_token_seed(seed)
        return [
            Prompt(prompt_id=f"synthetic-{index + 1}", n_tokens=n_tokens, token_seed=first + index)
            for index in range(config.n_prompts)
        ]


def _first_token_seed(seed: int) -> int:
    """Return 31 bits of a hash, so that the prompts of seed 42 are not those of seed 43 moved by one.

    Counting on from there keeps token seeds distinct, and under 2**32, the most that common generators take.
    """
    digest = hashlib.sha256(f"synthetic prompts {seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
