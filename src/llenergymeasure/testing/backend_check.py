"""The conformance check of a backend."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import Backend, Generation, PreparedBatch
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.request import Prompt


def check_backend(backend_class: type[Backend], config: ExperimentConfig, prompts: Sequence[Prompt]) -> None:
    """Run a backend through one life and check what the harness relies on.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert backend_class.name, "a plugin has a name"
    refusals = backend_class().check(config)
    assert refusals == [], f"check() refuses the configuration it was given: {refusals}"
    backend = backend_class()
    clock = AnchoredClock()
    try:
        backend.attach(config, clock)
        info = backend.load(config, clock)
        assert info.n_parameters > 0, "load() says how many parameters the model has"
        _check_batches(backend, backend.prepare(prompts), prompts, clock)
        backend.reset_peak_memory()
        assert all(size > 0 for size in backend.peak_memory_bytes().values()), (
            "a peak is positive or left out"
        )
    finally:
        backend.close()
    backend.close()


def _check_batches(
    backend: Backend, batches: Sequence[PreparedBatch], prompts: Sequence[Prompt], clock: Clock
) -> None:
    asked = [prompt.prompt_id for prompt in prompts]
    batched = [prompt_id for batch in batches for prompt_id in batch.prompt_ids]
    assert batched == asked, "prepare() keeps every prompt, in order"
    for batch in batches:
        before = clock.now_ns()
        served = backend.generate(batch)
        backend.synchronize()
        assert [each.prompt_id for each in served] == list(batch.prompt_ids), "generate() keeps the order"
        for each, prompt_tokens in zip(served, batch.prompt_tokens, strict=True):
            _check_generation(each, prompt_tokens, before, clock.now_ns())


def _check_generation(generation: Generation, prompt_tokens: int, before_ns: int, after_ns: int) -> None:
    assert generation.prompt_tokens == prompt_tokens, "prompt tokens are those that prepare() counted"
    assert generation.output_tokens >= 1, "every answer has a token"
    assert before_ns <= generation.sent_unix_ns <= generation.end_unix_ns <= after_ns, "times are the clock's"
    times = generation.token_unix_ns
    assert list(times) == sorted(times), "token times do not run backwards"
    assert len(times) in (0, generation.output_tokens), "one time per output token, or none at all"
    if generation.first_token_unix_ns is not None:
        assert generation.sent_unix_ns <= generation.first_token_unix_ns <= generation.end_unix_ns, (
            "the first token comes between sending and end"
        )
