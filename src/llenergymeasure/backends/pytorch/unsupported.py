"""What this backend cannot do as configured, found before anything is loaded."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator

from llenergymeasure.backends.pytorch.arguments import RESERVED, options_of
from llenergymeasure.backends.pytorch.loading import THREAD_VARIABLES
from llenergymeasure.backends.pytorch.precision import precision_refusals
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.cpu import most_threads
from llenergymeasure.core.packages import version_of
from llenergymeasure.domain.model.files.adapter import adapter_problem
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import find_source, missing_source
from llenergymeasure.exceptions import ConfigError

THREADS_PER_PROCESSOR = 4
"""More are a slip, or the setting of a larger machine; some people measure what twice as many threads cost."""
SLIP_THREADS, SLIP_DIGITS = 1000, 20
"""What an environment says is often that of another machine, and works, slowly: so many are refused."""
_FLASH_PACKAGES = {
    "flash_attention_2": ("flash_attn", "flash-attn"),
    "flash_attention_3": ("flash_attn_interface", "flash-attn-3"),
}


def refusals(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that cannot work, with what to do; empty if nothing is known to fail."""
    return [
        *source_refusals(config),
        *_passthrough_refusals(config),
        *_placement_refusals(config),
        *_quantisation_refusals(config),
        *_adapter_refusals(config),
        *_attention_refusals(config),
        *_cache_refusals(config),
        *_compile_refusals(config),
        *_thread_refusals(config),
        *precision_refusals(config),
    ]


def source_refusals(config: ExperimentConfig) -> Iterator[str]:
    """Yield what of the model's place cannot work: several models in one package, packages for GGUF, a revision."""
    ref = parse_model_ref(config.model)
    is_gguf = ref.names_gguf
    if missing_source(ref) is None:  # else pre-flight says it
        try:
            is_gguf = find_source(ref).gguf_file is not None
        except ConfigError as error:
            yield str(error)
            return
    if is_gguf:
        yield from _missing("a .gguf file", "gguf", "gguf")
        yield from _missing("a .gguf file", "accelerate", "accelerate")
    if config.revision is not None and ref.is_local:
        yield f"revision is for models on the Hub, and {config.model} is on this machine: remove it"


def _passthrough_refusals(config: ExperimentConfig) -> Iterator[str]:
    for key in config.passthrough_kwargs or {}:
        if key in RESERVED:
            yield f"passthrough_kwargs key '{key}' is set by this backend: remove it and set {RESERVED[key]}"


def _placement_refusals(config: ExperimentConfig) -> Iterator[str]:
    placement = options_of(config).device_map
    if placement is None:
        return
    yield from _missing("pytorch.device_map", "accelerate", "accelerate")
    if config.weights == "random":
        yield "pytorch.device_map places weights that are read, and weights: random reads none: remove one of the two"
    targets = set(placement.values()) if isinstance(placement, dict) else {placement}
    if config.device == "cpu" and not targets <= {"cpu", "disk"}:
        yield "pytorch.device_map may use GPUs, but device is cpu: remove it, or set device: cuda"


def _quantisation_refusals(config: ExperimentConfig) -> Iterator[str]:
    options = options_of(config)
    if not (options.load_in_4bit or options.load_in_8bit):
        return
    field = "pytorch.load_in_4bit" if options.load_in_4bit else "pytorch.load_in_8bit"
    yield from _missing(field, "bitsandbytes", "bitsandbytes")
    yield from _missing(field, "accelerate", "accelerate")
    if config.device != "cuda":
        yield f"{field} needs a CUDA GPU: set device: cuda, or remove it"
    if config.weights == "random":
        yield f"{field} quantises weights that are read, and weights: random reads none: remove one of the two"
    if parse_model_ref(config.model).names_gguf:
        yield f"{field} does not apply to a .gguf file, which brings its own quantisation: remove it"


def _adapter_refusals(config: ExperimentConfig) -> Iterator[str]:
    adapter = options_of(config).lora_adapter
    if adapter:
        yield from _missing("pytorch.lora_adapter", "peft", "peft")
        problem = adapter_problem(adapter)
        if problem is not None:
            yield f"pytorch.lora_adapter: {problem}"


def _attention_refusals(config: ExperimentConfig) -> Iterator[str]:
    attention = options_of(config).attn_implementation
    if attention not in _FLASH_PACKAGES:
        return
    field = f"pytorch.attn_implementation: {attention}"
    yield from _missing(field, *_FLASH_PACKAGES[attention])
    if config.device != "cuda":
        yield f"{field} needs a CUDA GPU: set it to sdpa or eager"
    if config.precision == "fp32":
        yield f"{field} computes in fp16 or bf16 only: set precision, or set it to sdpa"


def _cache_refusals(config: ExperimentConfig) -> Iterator[str]:
    options = options_of(config)
    cache = options.cache_implementation or ""
    field = f"pytorch.cache_implementation: {cache}"
    if "static" in cache and options.prompt_lookup_num_tokens:
        yield f"{field} cannot remove draft tokens that prompt lookup rejects: remove one of the two"
    if "static" in cache and options.assistant_model:
        yield f"{field} cannot remove tokens of pytorch.assistant_model that are rejected: remove one of the two"
    if "offloaded" in cache and config.device != "cuda":
        yield f"{field} moves the cache off a GPU, and device is cpu: remove it"
    if cache == "quantized" and not _has_distribution("optimum-quanto"):
        yield f"{field} needs a package that is not installed: pip install optimum-quanto"


def _compile_refusals(config: ExperimentConfig) -> Iterator[str]:
    options = options_of(config)
    if not options.torch_compile:
        return
    backend = options.torch_compile_backend or "inductor"
    if backend != "inductor":
        if options.torch_compile_mode:
            yield f"pytorch.torch_compile_mode is for inductor, and {backend} ignores it: remove it"
    elif config.device == "cpu" and not _has_cpp_compiler():
        yield (
            "pytorch.torch_compile needs a C++ compiler on a CPU: apt-get install g++, "
            "or set pytorch.torch_compile_backend: aot_eager"
        )


def _thread_refusals(config: ExperimentConfig) -> Iterator[str]:
    """A few threads too many are a warning of the result; thousands keep other programs from starting."""
    processors = os.cpu_count() or 1
    most = THREADS_PER_PROCESSOR * processors
    chosen = options_of(config).num_threads
    if chosen is not None and chosen > most:
        yield (
            f"pytorch.num_threads {chosen} is more than {most}, {THREADS_PER_PROCESSOR} for each of the {processors} "
            f"processors of this machine: set {most_threads()}, or remove it"
        )
    for name in THREAD_VARIABLES if chosen is None else ():
        first = os.environ.get(name, "").partition(",")[0].strip()  # one number for each level of nesting
        if first.isdecimal() and int(first[:SLIP_DIGITS]) > max(most, SLIP_THREADS):
            yield (
                f"{name} is {first[:SLIP_DIGITS]} in the environment, and this machine has {processors} processors: "
                f"set it to {most_threads()}, or unset it"
            )


def _missing(field: str, module: str, distribution: str) -> Iterator[str]:
    if importlib.util.find_spec(module) is None:
        yield f"{field} needs a package that is not installed: pip install {distribution}"


def _has_distribution(name: str) -> bool:
    return version_of(name) is not None


def _has_cpp_compiler() -> bool:
    """As inductor looks for one: $CXX, else g++ or clang++."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++") if name)
