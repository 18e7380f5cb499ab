"""The conformance check of a workload."""

from __future__ import annotations

import random

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.workloads.base import Workload


def check_workload(workload_class: type[Workload], config: WorkloadConfig) -> None:
    """Ask a workload for prompts twice and check that they are the same, distinct and as many as asked for.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert workload_class.name, "a workload has a name"
    problem = workload_class().check(config)
    assert problem is None, f"check() refuses the configuration it was given: {problem}"
    seed = random.Random(0).randrange(2**31)
    prompts = workload_class().prompts(config, seed)
    assert len(prompts) == config.n_prompts, "n_prompts is what is asked for, and what is given"
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts), "every prompt has an id of its own"
    assert all((prompt.text is None) != (prompt.n_tokens is None) for prompt in prompts), (
        "a prompt is a text, or a number of tokens"
    )
    assert workload_class().prompts(config, seed) == prompts, "the same seed gives the same prompts"
