"""The process of a trial: loads the tokenizer, encodes the prompts, and answers with one line of JSON.
What a tokenizer or a template does here, such as exit, wait for input, or take all memory, ends nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from llenergymeasure.backends.prompts import check_context, check_length
from llenergymeasure.backends.pytorch.error_messages import explain_loading
from llenergymeasure.backends.pytorch.facts.shape import context_length
from llenergymeasure.backends.pytorch.loading import load_config, load_tokenizer
from llenergymeasure.backends.pytorch.prompts.tokens import encode
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.own_process import begin_own_process
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import LLEMError

MORE_MEMORY, BYTES_PER_CHARACTER = 2 << 30, 100
"""Bytes that templates and tokenizer may take in addition."""
ANY_ROWS = 1 << 62
MOST_CPU_S = 1800
"""The process ends after so much processor time, also where its parent was killed."""
LOADED = b"loaded\n"


def main() -> int:
    """Take the job from standard input; answer `loaded`, then the problems as a JSON list."""
    begin_own_process()
    job: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = MOST_CPU_S if most == resource.RLIM_INFINITY else min(MOST_CPU_S, most)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    answer = _take_over_streams()
    config = ExperimentConfig.model_validate(job["config"])
    prompts = [Prompt(**each) for each in job["prompts"]]
    problems = _problems(config, prompts, answer)
    os.write(answer, json.dumps(problems).encode() + b"\n")
    os._exit(0)  # nothing of the tokenizer's runs at exit


def _take_over_streams() -> int:
    """Return standard output for the answer; what libraries print goes to standard error, and they read nothing."""
    answer = os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return answer


def _problems(config: ExperimentConfig, prompts: list[Prompt], answer: int) -> list[str]:
    try:
        source = find_source(parse_model_ref(config.model))
        tokenizer = _tokenizer(config, source)
        if tokenizer is None:
            return []
        context_length = _context_length(config, source)
        os.write(answer, LOADED)
        _limit_memory(sum(len(each.text or "") for each in prompts))
        check_length(prompts, config.workload, context_length)
        encoded = encode(tokenizer, prompts, config.workload, ANY_ROWS)
        check_context(encoded, config.workload, context_length)
    except LLEMError as error:
        return [str(error)]
    return []


def _tokenizer(config: ExperimentConfig, source: ModelSource) -> Any:
    """Return the tokenizer; None where it is not on this machine yet, so that nothing is known of it."""
    try:
        with explain_loading(f"the tokenizer of model {config.model}"):
            return load_tokenizer(config, source)
    except LLEMError:
        if source.is_local:
            raise
        return None


def _context_length(config: ExperimentConfig, source: ModelSource) -> int | None:
    """Return the length of the model's context where its config says one.

    Further arguments may change the config, and one that is not on this machine is not known: then the model is asked
    when it is loaded.
    """
    if config.passthrough_kwargs:
        return None
    try:
        with explain_loading(f"model {config.model}"):
            return context_length(load_config(config, source).get_text_config())
    except LLEMError:
        if source.is_local:
            raise
        return None


def _limit_memory(characters: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = taken + MORE_MEMORY + BYTES_PER_CHARACTER * characters
    if most == resource.RLIM_INFINITY or limit < most:
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


if __name__ == "__main__":
    sys.exit(main())
