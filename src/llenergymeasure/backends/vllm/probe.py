"""Whether the installed vLLM states its iterations as this backend understands them: one small request is tried."""

from __future__ import annotations

import logging
from typing import Any

from llenergymeasure.backends.vllm.engine import Engine

logger = logging.getLogger(__name__)

PROMPT = (1, 2, 3)
OUTPUT_TOKENS = 3
TIMEOUT_S = 300.0
ENGINES = "several engines iterate beside each other (data_parallel_size)"


def steps_problem(engine: Engine, resolved: Any) -> str | None:
    """Return why the iterations of this engine are not known; None where they add up to what a request asked for.

    Raises:
        EngineDeadError: the engine does not survive a first request.
    """
    if resolved.parallel_config.data_parallel_size > 1:
        return ENGINES
    engine.loop.run(_serve(engine), TIMEOUT_S)
    steps = engine.steps.take()
    if steps is None:
        return engine.steps.unknown
    read, written = int(steps.prefill_tokens.sum()), int(steps.decode_tokens.sum())
    logger.debug("a prompt of %d tokens took %d iterations", len(PROMPT), len(steps))
    if (read, written) == (len(PROMPT), OUTPUT_TOKENS - 1):
        return None
    return (
        f"this version of vLLM states {read} prompt and {written} further output tokens for a request of {len(PROMPT)} "
        f"and {OUTPUT_TOKENS - 1}"
    )


async def _serve(engine: Engine) -> None:
    from vllm import SamplingParams

    params = SamplingParams(temperature=0.0, max_tokens=OUTPUT_TOKENS, ignore_eos=True, detokenize=False)
    async for _output in engine.generate(PROMPT, params, "probe", None):
        pass
