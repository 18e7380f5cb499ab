"""The prompts tried on the model's tokenizer before the model is loaded, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llenergymeasure.backends.base import MOST_TRIED
from llenergymeasure.backends.pytorch.prompts.trial_process import LOADED
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import find_source
from llenergymeasure.domain.request import Prompt

PROCESS = "llenergymeasure.backends.pytorch.prompts.trial_process"
LOAD_TIMEOUT_S = 300.0
"""For imports and tokenizer, also from a slow file system; a run that takes longer is not stopped for it."""
ENCODE_TIMEOUT_S, CHARACTERS_PER_S = 60.0, 100_000
"""For templates and tokenizer, and in addition for long prompts; a million characters take about a second."""
LONG = 100_000
"""Characters from which on the length of a prompt may be why a tokenizer fails."""
_FIELDS = ("model", "revision", "trust_remote_code", "passthrough_kwargs")
_TRIED: set[bytes] = set()
"""Digests of the jobs that were tried in this process; after the load, those of models on the Hub are asked for."""
_WORKLOAD = ("chat_template", "max_input_tokens", "max_output_tokens")


def is_worth_a_trial(config: ExperimentConfig) -> bool:
    """Return whether a trial finds more than it costs.

    The tokenizer of a GGUF file is converted each time it is loaded, and without a chat template no code of the file
    runs: where the prompts fit its context however long they are, the load says what else is wrong.
    """
    source, workload = find_source(parse_model_ref(config.model)), config.workload
    if workload.chat_template or not source.gguf_file or not source.is_local:
        return True
    context = read_gguf_header(Path(source.repo) / source.gguf_file).whole("context_length")
    return context is None or workload.max_input_tokens + workload.max_output_tokens > context


def prompt_problems(config: ExperimentConfig, prompts: Sequence[Prompt]) -> list[str]:
    """Return why the prompts cannot be encoded as configured; empty where the tokenizer is not on this machine yet."""
    offline = {} if parse_model_ref(config.model).is_local else {"HF_HUB_OFFLINE": "1"}
    different = _different(prompts)
    job = _job(config, different)
    with subprocess.Popen(
        python_command(PROCESS),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**python_environment(os.environ), **offline, "TOKENIZERS_PARALLELISM": "false"},
    ) as process:
        try:
            problems, tried = _answer(config, process, job, different)
        finally:
            process.kill()
    if tried:
        _TRIED.add(_digest(job))
    return problems


def was_tried(config: ExperimentConfig, prompts: Sequence[Prompt]) -> bool:
    """Return whether this process has tried the prompts already, with the tokenizer at hand."""
    return _digest(_job(config, _different(prompts))) in _TRIED


def _job(config: ExperimentConfig, prompts: Sequence[Prompt]) -> bytes:
    job = {"config": _settings(config), "prompts": [asdict(prompt) for prompt in prompts]}
    return json.dumps(job).encode()


def _digest(job: bytes) -> bytes:
    return hashlib.sha256(job).digest()


def _different(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the first of those that differ, so that a small data set in a large workload is tried once."""
    different: dict[tuple[str | None, int | None], Prompt] = {}
    for each in prompts:
        different.setdefault((each.text, each.n_tokens), each)
    return list(different.values())[:MOST_TRIED]


def _settings(config: ExperimentConfig) -> dict[str, Any]:
    """Return what tokenizer and templates depend on."""
    given = config.model_dump(mode="json", include={*_FIELDS})
    workload = config.workload.model_dump(mode="json", include={*_WORKLOAD})
    return {**given, "device": "cpu", "workload": workload}


def _answer(
    config: ExperimentConfig, process: subprocess.Popen[bytes], job: bytes, prompts: Sequence[Prompt]
) -> tuple[list[str], bool]:
    """Return the problems, and whether the prompts themselves were tried."""
    _send(process, job)
    answer, ended = _read_until(process, b"\n", LOAD_TIMEOUT_S)
    if answer.startswith(LOADED):
        timeout_s = ENCODE_TIMEOUT_S + sum(len(each.text or "") for each in prompts) / CHARACTERS_PER_S
        rest, ended = _read_until(process, b"]\n", timeout_s, answer.removeprefix(LOADED))
        if rest.endswith(b"]\n"):
            return _problems(rest), True
        ending = f"ended the process that tried it ({_how(process)})" if ended else ""
        how = ending or f"was not done with the prompts after {timeout_s:.0f} s"
        return [_stuck(config, how, max(prompts, key=lambda each: len(each.text or "")))], True
    if answer.endswith(b"]\n"):
        return _problems(answer), False
    return ([_not_loaded(config, process)] if ended else []), False


def _send(process: subprocess.Popen[bytes], job: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:  # where it has ended already, its code says how
        stream.write(job)


def _problems(answer: bytes) -> list[str]:
    problems: list[str] = json.loads(answer)
    return problems


def _read_until(
    process: subprocess.Popen[bytes], end: bytes, timeout_s: float, begun: bytes = b""
) -> tuple[bytes, bool]:
    """Return what the process wrote up to `end`, and whether it has ended."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    while not begun.endswith(end):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return begun, False
        piece = os.read(process.stdout.fileno(), 1 << 16)
        if not piece:
            return begun, True
        begun += piece
    return begun, False


def _stuck(config: ExperimentConfig, how: str, longest: Prompt) -> str:
    chat = config.workload.chat_template
    what = f"the {'chat template or the ' if chat else ''}tokenizer of model {config.model} {how}"
    characters = len(longest.text or "")
    if characters >= LONG:
        return f"{what}: prompt {longest.prompt_id} has {characters:,} characters, shorten it"
    if chat:
        return f"{what}: look for a loop without an end in the template, or set workload.chat_template: false"
    return (
        f"{what}: its files are damaged, or the Python code that it brings does not work; download them again"
    )


def _not_loaded(config: ExperimentConfig, process: subprocess.Popen[bytes]) -> str:
    return (
        f"the tokenizer of model {config.model} ended the process that loaded it ({_how(process)}): its files are "
        "damaged, or the Python code that it brings does not work; download them again"
    )


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
