"""The GGUF file that a configuration names."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.files.located import local_files
from llenergymeasure.domain.model.reference import GGUF, ModelRef, parse_model_ref
from llenergymeasure.domain.model.source import find_source
from llenergymeasure.exceptions import ConfigError

NAMES = "a .gguf file, or package:NAME of an installed package that has one"


def model_file(config: ExperimentConfig) -> Path:
    """Return the path of the GGUF file; of one on the Hub, where the cache has it.

    Raises:
        ConfigError: it names no such file, with what to write.
    """
    ref = parse_model_ref(config.model, config.revision)
    if ref.kind == "hub":
        return _in_cache(ref)
    if ref.kind == "url":
        raise ConfigError(f"model {ref.text} is a URL, and llama.cpp reads files → set `model` to {NAMES}")
    source = find_source(ref)
    if source.gguf_file is None:
        raise ConfigError(_no_gguf(ref, Path(source.repo)))
    return Path(source.repo, source.gguf_file).absolute()


def _in_cache(ref: ModelRef) -> Path:
    found = local_files(ref, ref.revision) if ref.inside else None
    if found is not None:
        return found.path.absolute()
    if ref.inside is not None:
        raise ConfigError(
            f"model {ref.text} is not in the cache of the Hub, and this backend downloads nothing → download it "
            f"(`hf download {ref.name} {ref.inside}`), or set `model` to {NAMES}"
        )
    raise ConfigError(
        f"model {ref.text} is no GGUF file, and llama.cpp reads no others → set `model` to {NAMES}"
    )


def _no_gguf(ref: ModelRef, place: Path) -> str:
    if not place.is_dir():
        return f"model {ref.text} is no GGUF file, and llama.cpp reads no others → set `model` to {NAMES}"
    inside = sorted(place.glob(f"*{GGUF}"))
    remedy = f"`model` to {inside[0]}" if len(inside) == 1 else f"`model` to {NAMES}"
    return f"model {ref.text} is a folder, and llama.cpp reads GGUF files → set {remedy}"
