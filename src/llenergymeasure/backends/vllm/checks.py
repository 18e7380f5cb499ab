"""What vLLM cannot do as configured, found before its engine is started."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llenergymeasure.backends.vllm.arguments import (
    ITERATION_DETAILS,
    RESERVED_ENGINE,
    RESERVED_SAMPLING,
    engine_arguments,
    options_of,
    sampling_arguments,
)
from llenergymeasure.backends.vllm.software import (
    engine_argument_names,
    import_vllm,
    platform_of,
    sampling_argument_names,
)
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.adapter import adapter_problem
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import find_source, missing_source
from llenergymeasure.exceptions import BackendError, ConfigError
from llenergymeasure.foreign_code import explained


def refusals(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that cannot work, with what to do; empty if nothing is known to fail.

    vLLM is imported, and its configuration made, where nothing of ours refuses first; nothing is loaded.
    """
    ours = [*_source_refusals(config), *_own_refusals(config)]
    if ours:
        return ours
    try:
        vllm = import_vllm()
        return (
            list(_platform_refusals(config, vllm))
            or [
                *_names_refused(config, vllm),
            ]
            or list(_values_refused(config, vllm))
        )
    except BackendError as error:
        return [str(error)]


def _source_refusals(config: ExperimentConfig) -> Iterator[str]:
    ref = parse_model_ref(config.model)
    is_gguf = ref.names_gguf
    if missing_source(ref) is None:  # else pre-flight says it
        try:
            is_gguf = find_source(ref).gguf_file is not None
        except ConfigError as error:
            yield str(error)
            return
    if is_gguf:
        yield (
            f"model {config.model} is a .gguf file, and vLLM reads folders as `save_pretrained` writes them: "
            "set model to such a folder or to an id on the Hub"
        )
    if config.revision is not None and ref.is_local:
        yield f"revision is for models on the Hub, and {config.model} is on this machine: remove it"


def _own_refusals(config: ExperimentConfig) -> Iterator[str]:
    options = options_of(config)
    if config.passthrough_kwargs:
        yield "passthrough_kwargs are arguments of from_pretrained: set those of vLLM in vllm: {engine: {...}}"
    for section, given, reserved in (
        ("engine", options.engine, RESERVED_ENGINE),
        ("sampling", options.sampling, RESERVED_SAMPLING),
    ):
        for key in given:
            if key in reserved:
                yield f"vllm.{section}.{key} is set by this backend: {reserved[key]}"
    if "load_format" in options.engine and config.weights == "random":
        yield "vllm.engine.load_format says how weights are read, and weights: random reads none: remove one of the two"
    if options.lora_adapter:
        problem = adapter_problem(options.lora_adapter)
        if problem is not None:
            yield f"vllm.lora_adapter: {problem}"


def _platform_refusals(config: ExperimentConfig, vllm: Any) -> Iterator[str]:
    platform = platform_of(vllm)
    if (config.device == "cpu") != (platform == "cpu"):
        other = "cpu" if platform == "cpu" else "cuda"
        yield (
            f"the vLLM {vllm.__version__} that is installed computes on {platform}, and device is {config.device}: set "
            f"device: {other}, or install the build for the other device"
        )


def _names_refused(config: ExperimentConfig, vllm: Any) -> Iterator[str]:
    options = options_of(config)
    yield from _unknown("engine", options.engine, engine_argument_names(vllm), RESERVED_ENGINE, vllm)
    yield from _unknown("sampling", options.sampling, sampling_argument_names(vllm), RESERVED_SAMPLING, vllm)


def _unknown(
    section: str, given: Mapping[str, Any], known: Collection[str], reserved: Collection[str], vllm: Any
) -> Iterator[str]:
    settable = [name for name in known if name not in reserved]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key.replace("-", "_").lower(), settable, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"vllm.{section}.{key} is no argument of vLLM {vllm.__version__}{hint}: correct or remove it"


def _values_refused(config: ExperimentConfig, vllm: Any) -> Iterator[str]:
    """Let vLLM resolve its configuration, which reads the small files of the model and starts nothing."""
    source = find_source(parse_model_ref(config.model))
    try:
        with explained(lambda cause: BackendError(f"vllm.sampling: vLLM refuses these parameters: {cause}")):
            vllm.SamplingParams(**sampling_arguments(config, 0))
    except BackendError as error:
        yield str(error)
    if not source.is_local:
        return  # its files may have to be fetched: the load says what is wrong
    arguments = known_arguments(engine_arguments(config, source), vllm)
    try:
        with explained(
            lambda cause: BackendError(f"vLLM refuses model {config.model} as configured: {cause}")
        ):
            vllm.engine.arg_utils.AsyncEngineArgs(**arguments).create_engine_config()
    except BackendError as error:
        yield str(error)


def known_arguments(arguments: Mapping[str, Any], vllm: Any) -> dict[str, Any]:
    """Return the arguments without that of the iterations where the installed vLLM does not have it yet."""
    names = engine_argument_names(vllm)
    return {name: value for name, value in arguments.items() if name in names or name != ITERATION_DETAILS}
