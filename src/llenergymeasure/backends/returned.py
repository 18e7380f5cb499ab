"""What the methods of a backend have to return: each check gives the fault of a value in words, or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from llenergymeasure.backends.base import Chunk, EncodedRequest
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request import ServerTimes
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import OPTIONAL_COLUMNS, STEP_COLUMNS, StepTable

MOST_TOKENS = 2**31 - 1
"""The raw tables count tokens in 32 bits."""
LATEST_NS = 2**63 - 1


def is_count(value: object, most: int = MOST_TOKENS) -> bool:
    """Whether a value is a whole number from 0 on; a numpy number is none, as it cannot be written as JSON."""
    return type(value) is int and 0 <= value <= most


def returned_problem(method: str, value: object, arguments: Sequence[Any]) -> str | None:
    """Return why a method of a backend must not return this; None where it may."""
    check = _CHECKS.get(method)
    return None if check is None else check(value, arguments)


def chunk_problem(chunk: Chunk) -> str | None:
    """Return what of a message cannot be; None where all of it can."""
    if not is_count(chunk.unix_ns, LATEST_NS):
        return f"a message has unix_ns={chunk.unix_ns!r}, which is no time in nanoseconds"
    if not is_count(chunk.tokens):
        return f"a message has tokens={chunk.tokens!r}, which is no number of tokens"
    for name in ("output_tokens", "prompt_tokens", "cached_prompt_tokens"):
        value = getattr(chunk, name)
        if value is not None and not is_count(value):
            return f"a message has {name}={value!r}, which is no number of tokens"
    return None if chunk.server is None else server_times_problem(chunk.server)


def server_times_problem(server: object) -> str | None:
    """Return what of a server's own times cannot be; None where all of it can."""
    if not isinstance(server, ServerTimes):
        return "server is no ServerTimes"
    for name, seconds in vars(server).items():
        is_number = type(seconds) in (int, float) and math.isfinite(seconds) and seconds >= 0
        if seconds is not None and not is_number:
            return f"server.{name} is {seconds!r}, no time in seconds"
    return None


def peaks_problem(value: object) -> str | None:
    """Return why these are no peaks of memory by device; None where they are."""
    if not isinstance(value, Mapping):
        return _not(value, "a dict of bytes by device")
    wrong = next((key for key, size in value.items() if not _is_peak(key, size)), None)
    return (
        None
        if wrong is None
        else f"the peak of {wrong!r} is {value[wrong]!r}, and has to be a number of bytes"
    )


def texts_problem(value: object) -> str | None:
    """Return why this is no list of sentences; None where it is."""
    is_list = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    return None if is_list else _not(value, "a list of texts")


def _model_info(value: object, _arguments: Sequence[Any]) -> str | None:
    return None if isinstance(value, ModelInfo) else _not(value, "a ModelInfo")


def _encoded(value: object, arguments: Sequence[Any]) -> str | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _not(value, "a list of EncodedRequest")
    strange = next((each for each in value if not isinstance(each, EncodedRequest)), None)
    if strange is not None or None in value:
        return f"it returns a list with {_a(strange)} in it, not of EncodedRequest"
    if arguments and len(value) != len(arguments[0]):
        return f"it returns {len(value)} requests for {len(arguments[0])} prompts"
    for place, each in enumerate(value):
        if each.index != place:
            return f"request {place} of what it returns says index={each.index!r}"
        if not is_count(each.prompt_tokens):
            return f"request {place} says prompt_tokens={each.prompt_tokens!r}, which is no number of tokens"
    return None


def _processes(value: object, _arguments: Sequence[Any]) -> str | None:
    is_ids = isinstance(value, Collection) and all(is_count(each) for each in value)
    return None if is_ids else _not(value, "a list of process ids")


def _batch_size(value: object, _arguments: Sequence[Any]) -> str | None:
    return (
        None
        if is_count(value) and value
        else f"it returns {_shown(value)}, not a number of requests from 1 on"
    )


def _flag(value: object, _arguments: Sequence[Any]) -> str | None:
    return None if isinstance(value, bool) else _not(value, "True or False")


def _reason(value: object, _arguments: Sequence[Any]) -> str | None:
    is_reason = value is None or (isinstance(value, str) and bool(value.strip()))
    return None if is_reason else _not(value, "None, or why the cache was not emptied")


def _varied(value: object, arguments: Sequence[Any]) -> str | None:
    if not isinstance(value, EncodedRequest):
        return _not(value, "an EncodedRequest")
    before = arguments[0].prompt_tokens if arguments else value.prompt_tokens
    same = value.prompt_tokens == before
    return None if same else f"it returns a prompt of {value.prompt_tokens} tokens for one of {before}"


def _seconds(value: object, _arguments: Sequence[Any]) -> str | None:
    is_time = isinstance(value, (int, float)) and math.isfinite(value) and value >= 0
    return None if value is None or is_time else f"it returns {_shown(value)}, not a time in seconds or None"


def _digests(value: object, _arguments: Sequence[Any]) -> str | None:
    is_texts = isinstance(value, Mapping) and all(
        isinstance(each, str) for pair in value.items() for each in pair
    )
    return None if is_texts else _not(value, "a dict of digests by name")


def _facts(value: object, _arguments: Sequence[Any]) -> str | None:
    return None if isinstance(value, PromptFacts) else _not(value, "a PromptFacts")


def _serving(value: object, _arguments: Sequence[Any]) -> str | None:
    return None if isinstance(value, ServingFacts) else _not(value, "a ServingFacts")


def _steps(value: object, _arguments: Sequence[Any]) -> str | None:
    if value is None or isinstance(value, StepTable):
        return None if value is None else _table_problem(value)
    if not isinstance(value, Sequence) or not all(isinstance(each, StepRecord) for each in value):
        return _not(value, "a list of StepRecord, a StepTable or None")
    return next((problem for each in value if (problem := _step_problem(each))), None)


def _table_problem(steps: StepTable) -> str | None:
    for name, kind in STEP_COLUMNS:
        column = getattr(steps, name)
        least = UNKNOWN if name in OPTIONAL_COLUMNS else 0
        if column.dtype != kind or len(column) != len(steps) or (column < least).any():
            return (
                f"the column {name} of its steps is not {len(steps)} whole numbers from {least} on ({kind})"
            )
    late = steps.end_unix_ns < steps.start_unix_ns
    return _ends_early(next(steps.select(late).rows())) if late.any() else None


def _step_problem(step: StepRecord) -> str | None:
    for name, given in vars(step).items():
        optional = given is None and name in ("drafted_tokens", "accepted_tokens")
        most = MOST_TOKENS if name not in ("start_unix_ns", "end_unix_ns", "context_tokens") else LATEST_NS
        if not optional and not is_count(given, most):
            return f"a step has {name}={_shown(given)}, which is no whole number from 0 on"
    return _ends_early(step) if step.end_unix_ns < step.start_unix_ns else None


def _ends_early(step: StepRecord) -> str:
    return f"a step ends at {step.end_unix_ns}, before it starts at {step.start_unix_ns}"


def models_problem(value: object, _arguments: Sequence[Any] = ()) -> str | None:
    """Return what is wrong with what `other_models` returned, or None."""
    is_models = isinstance(value, Mapping) and all(
        isinstance(setting, str) and isinstance(each, ExperimentConfig) for setting, each in value.items()
    )
    return None if is_models else _not(value, "a dict of ExperimentConfig by the setting that names a model")


_CHECKS: dict[str, Callable[[object, Sequence[Any]], str | None]] = {
    "load": _model_info,
    "encode": _encoded,
    "processes": _processes,
    "max_batch_size": _batch_size,
    "compile_seconds": _seconds,
    "fingerprints": _digests,
    "prompt_facts": _facts,
    "serving_facts": _serving,
    "steps": _steps,
    "keeps_prefixes": _flag,
    "reset_prefix_cache": _reason,
    "vary": _varied,
    "other_models": models_problem,
}


def _is_peak(device: object, size: object) -> bool:
    return isinstance(device, str) and is_count(size, LATEST_NS)


def _not(value: object, wanted: str) -> str:
    return f"it returns {_a(value)}, not {wanted}"


def _a(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _shown(value: object) -> str:
    """Return a number as text, and of anything else its type, whose name no code of others can refuse."""
    return repr(value) if type(value) in (int, float, bool) else _a(value)
