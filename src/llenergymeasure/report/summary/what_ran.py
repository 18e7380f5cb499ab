"""What a result is about: the weights, the requests, and how they were served."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from llenergymeasure import plugins
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheUse
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.model.info import NO_DTYPE, ModelInfo
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.report.summary.document import Row
from llenergymeasure.report.summary.format import plural

_GGUF = re.compile(r"gguf:(\S+)( dequantised)?")
_SAMPLING = ("temperature", "top_k", "top_p")


def what_ran_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield weights, workload, load, decoding and options, each as far as the result states it."""
    if result.model_info is not None:
        yield Row(label="Weights", value=_weights(result.model_info))
        yield Row(label="Computed in", value=_computed(result.model_info))
    workload, load = result.config.get("workload"), result.config.get("load")
    if isinstance(workload, Mapping):
        yield Row(label="Workload", value=_workload(workload))
        yield from _lengths(result, workload)
    if isinstance(load, Mapping):
        yield Row(label="Load", value=_load(result, load))
    if result.prefix_cache is not None and result.prefix_cache.met_by != ("off",):
        yield Row(label="Prefix cache", value=_prefix_cache(result.prefix_cache))
    decoder = result.config.get("decoder")
    if isinstance(decoder, Mapping):
        yield Row(label="Decoding", value=_decoding(decoder))
    options = _changed_options(result)
    if options:
        yield Row(label=f"Options of {result.backend}", value=options)


_MEANS = {
    "off": "switched off",
    "reset": "emptied before each window",
    "distinct": "prompts that came again made distinct",
    "filled": "filled before the warm-up",
}


def _prefix_cache(use: PrefixCacheUse) -> str:
    means = ", ".join(_MEANS[each] for each in use.met_by)
    share = "unknown how many" if use.cached_fraction is None else f"{use.cached_fraction:.1%}"
    return f"{use.policy}" + (f" ({means})" if means else "") + f"; {share} of the prompt tokens came from it"


def storage(result: ExperimentResult) -> str | None:
    """Return the type in which the weights are stored or kept, where that is not the type of the arithmetic."""
    quantisation = None if result.model_info is None else result.model_info.quantisation
    if quantisation is None:
        return None
    found = _GGUF.fullmatch(quantisation)
    return found[1] if found else quantisation


def arithmetic(result: ExperimentResult) -> str | None:
    """Return the precision that was asked for, and how the weights are stored where that differs; in one word or two.

    A GGUF file that is used as it is has types of its own, and no precision applies to it; nor to a server, whose types
    are not known.
    """
    stored, info = storage(result), result.model_info
    if "precision" not in result.config or (info is not None and info.dtype in (stored, NO_DTYPE)):
        return stored
    return str(result.config["precision"]) + (f" (weights {stored})" if stored else "")


def has_random_weights(result: ExperimentResult) -> bool:
    """Whether no weights were loaded, so that answers mean nothing; time and energy are those of the architecture."""
    stated = result.config.get("weights") if result.model_info is None else result.model_info.weights
    return stated == "random"


def _weights(info: ModelInfo) -> str:
    stated = (
        "random: the architecture alone, its answers mean nothing"
        if info.weights == "random"
        else info.weights
    )
    if info.quantisation is None:
        return stated
    found = _GGUF.fullmatch(info.quantisation)
    if found:
        use = "and unpacked" if found[2] else "and used as they are"
        return f"{stated}, stored as {found[1]} in a GGUF file {use}"
    if info.quantisation.startswith("gguf"):
        return f"{stated}, unpacked from a GGUF file"
    return f"{stated}, quantised: {info.quantisation}"


def _computed(info: ModelInfo) -> str:
    attention = "" if info.attention is None else f", attention {info.attention}"
    if info.n_parameters is None:
        return f"{info.dtype}{attention}; parameters not counted: {info.unknown.get('n_parameters', 'no reason given')}"
    return f"{info.dtype}, {_count(info.n_parameters)} parameters{attention}"


def _count(number: int) -> str:
    if number >= 1e9:
        return f"{number / 1e9:.3g} billion"
    return f"{number / 1e6:.3g} million" if number >= 1e6 else f"{number:,}"


def _workload(workload: Mapping[str, Any]) -> str:
    template = "in the chat template" if workload.get("chat_template") else "no chat template"
    return (
        f"{workload.get('dataset')}, {plural(_whole(workload.get('n_prompts')), 'prompt')} a pass, {template}"
    )


def _lengths(result: ExperimentResult, workload: Mapping[str, Any]) -> Iterator[Row]:
    """Yield how long prompts and answers were on average, beside the limits."""
    if result.total_requests:
        read, written = (
            result.input_tokens / result.total_requests,
            result.output_tokens / result.total_requests,
        )
        limits = f"at most {workload.get('max_input_tokens')} and {workload.get('max_output_tokens')}"
        yield Row(label="Tokens per request", value=f"{read:.1f} read and {written:.1f} written ({limits})")


def _load(result: ExperimentResult, load: Mapping[str, Any]) -> str:
    if load.get("kind") == "closed":
        clients = load.get("concurrency")
        many = _ladder(clients) if isinstance(clients, list) else plural(_whole(clients), "request")
        return f"closed loop, {many} in flight"
    if load.get("kind") == "open":
        rate = load.get("rate_per_s")
        rates = _ladder(rate if isinstance(rate, list) else [rate])
        return f"open loop, {rates} requests/s, {load.get('arrivals')}"
    if load.get("kind") == "replay":
        return f"replay of {load.get('file')}, {load.get('speed'):g} times as fast"
    batches = _batches(result)
    return f"{load.get('kind')}" + (f", {batches}" if batches else "")


def _ladder(values: Sequence[Any]) -> str:
    return ", then ".join(f"{each:g}" if isinstance(each, (int, float)) else str(each) for each in values)


def _batches(result: ExperimentResult) -> str | None:
    """Return how many requests were computed together, where the backend has a batch size: a pass may have fewer."""
    options = result.config.get(result.backend)
    workload = result.config.get("workload")
    size = options.get("batch_size") if isinstance(options, Mapping) else None
    if result.backend == "pytorch" and size is None:
        size = 1
    if not _whole(size) or not isinstance(workload, Mapping) or not _whole(workload.get("n_prompts")):
        return None
    size, prompts = _whole(size), _whole(workload["n_prompts"])
    if size > prompts:
        return f"batches of {prompts}: batch_size is {size}, and a pass has {plural(prompts, 'prompt')}"
    rest = prompts % size
    return f"batches of {size}" + (f", the last of a pass {rest}" if rest else "")


def _decoding(decoder: Mapping[str, Any]) -> str:
    sampling = decoder.get("preset") == "sampling" or any(decoder.get(name) for name in _SAMPLING)
    parts = ["sampling" if sampling else "deterministic"]
    for name, value in decoder.items():
        if name not in ("preset", "ignore_eos") and value is not None:
            parts.append(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}")
    parts.append("end of sequence ignored" if decoder.get("ignore_eos") else "until the end of sequence")
    return ", ".join(parts)


def _changed_options(result: ExperimentResult) -> str:
    """Return the options of the backend that differ from its defaults, but for the batch size."""
    options = result.config.get(result.backend)
    if not isinstance(options, Mapping):
        return ""
    defaults = _default_options(result.backend)
    changed = {
        name: value
        for name, value in options.items()
        if name != "batch_size" and value is not None and value != defaults.get(name)
    }
    return ", ".join(f"{name} {_plain(value)}" for name, value in changed.items())


def _default_options(backend: str) -> dict[str, Any]:
    """Return the defaults of a backend's options; none where it is not installed here."""
    try:
        model = plugins.declaration("backends", backend).options_model()
    except LLEMError:
        return {}
    return {} if model is None else to_jsonable_python(_defaults(model))


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def _whole(value: Any) -> int:
    """Return a number of a stored configuration, which nothing has validated; 0 for anything else."""
    return value if isinstance(value, int) else 0


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
