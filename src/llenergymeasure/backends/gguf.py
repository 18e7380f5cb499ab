"""The GGUF file that a configuration names, for backends that read it as it is; they download nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.folder import model_files_problem
from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from llenergymeasure.domain.model.files.located import local_files
from llenergymeasure.domain.model.gguf_info import main_type
from llenergymeasure.domain.model.reference import GGUF, ModelRef, parse_model_ref
from llenergymeasure.domain.model.source import find_source, missing_source
from llenergymeasure.exceptions import ConfigError, LLEMError

NAMES = "a .gguf file, or package:NAME of an installed package that has one"


def gguf_file(config: ExperimentConfig) -> Path:
    """Return the path of the file; of one on the Hub, where the cache has it.

    Raises:
        ConfigError: it names no such file, with what to write.
    """
    ref = parse_model_ref(config.model, config.revision)
    if ref.kind == "hub":
        return _in_cache(ref)
    if ref.kind == "url":
        raise ConfigError(
            f"model {ref.text} is a URL, and {config.backend} reads files → set `model` to {NAMES}"
        )
    source = find_source(ref)
    if source.gguf_file is None:
        raise ConfigError(_no_gguf(ref, Path(source.repo)))
    return Path(source.repo, source.gguf_file).absolute()


def gguf_refusals(config: ExperimentConfig) -> list[str]:
    """Return what of the model cannot be read from a GGUF file, or would have no effect on one, one sentence each."""
    return [*_file_refusals(config), *_field_refusals(config)]


def _file_refusals(config: ExperimentConfig) -> Iterator[str]:
    ref = parse_model_ref(config.model)
    if missing_source(ref) is not None:
        return  # said by pre-flight
    try:
        file = gguf_file(config)
        problem = model_files_problem(file, random_weights=False)
        if problem is not None:
            yield problem
        elif config.precision != "bf16":
            yield (
                f"precision: {config.precision} has no effect on {file.name}, whose weights keep the types of the file "
                f"({main_type(read_gguf_header(file))} most of them): remove it"
            )
    except LLEMError as error:
        yield str(error)


def _field_refusals(config: ExperimentConfig) -> Iterator[str]:
    if config.revision is not None and parse_model_ref(config.model).is_local:
        yield f"revision is for models on the Hub, and {config.model} is on this machine: remove it"
    if config.weights == "random":
        yield f"weights: random is not for {config.backend}, which only reads weights: remove it"
    if config.trust_remote_code:
        yield "trust_remote_code has no effect on a GGUF file, which has no Python code: remove it"


def _in_cache(ref: ModelRef) -> Path:
    found = local_files(ref, ref.revision) if ref.inside else None
    if found is not None:
        return found.path.absolute()
    if ref.inside is not None:
        raise ConfigError(
            f"model {ref.text} is not in the cache of the Hub, and this backend downloads nothing → download it "
            f"(`hf download {ref.name} {ref.inside}`), or set `model` to {NAMES}"
        )
    raise ConfigError(_other(ref))


def _no_gguf(ref: ModelRef, place: Path) -> str:
    if not place.is_dir():
        return _other(ref)
    inside = sorted(place.glob(f"*{GGUF}"))
    remedy = f"`model` to {inside[0]}" if len(inside) == 1 else f"`model` to {NAMES}"
    return f"model {ref.text} is a folder, and this backend reads GGUF files → set {remedy}"


def _other(ref: ModelRef) -> str:
    return f"model {ref.text} is no GGUF file, and this backend reads no others → set `model` to {NAMES}"
