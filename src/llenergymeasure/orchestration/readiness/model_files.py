"""Whether a model's folder or file contains what a backend reads."""

from __future__ import annotations

import json
from pathlib import Path

from llenergymeasure.domain.model.reference import GGUF

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def model_files_problem(path: Path, *, random_weights: bool) -> str | None:
    """Return what a model's folder or file lacks to be loaded, or None."""
    if path.is_file():
        return _file_problem(path)
    if (path / "adapter_config.json").is_file():
        return None  # a peft adapter names its base model itself
    if not (path / "config.json").is_file():
        return _no_config(path)
    if random_weights:
        return None
    missing = _missing_shards(path)
    if missing:
        return f"model folder {path} is incomplete: {', '.join(missing)} missing → copy or download it again"
    if any(_holds_data(file) for pattern in _WEIGHTS for file in path.glob(pattern)):
        return None
    return (
        f"model folder {path} has no weights (*.safetensors or pytorch_model*.bin) → put them there, "
        "or set weights: random to measure the bare architecture"
    )


def _file_problem(path: Path) -> str | None:
    if path.suffix != GGUF:
        return f"model {path} is a file → name the folder that holds it, or a .gguf file"
    try:
        with path.open("rb") as file:
            if file.read(4) == b"GGUF":
                return None
    except OSError as error:
        return f"model {path} cannot be read: {error.strerror or error}"
    return f"model {path} is not a GGUF file, whatever its name says → download it again"


def _no_config(path: Path) -> str:
    files = sorted(file.name for file in path.glob(f"*{GGUF}"))
    if files:
        return f"model folder {path} has no config.json, but GGUF files → name one: model: {path / files[0]}"
    return f"model folder {path} has no config.json → name the folder that `save_pretrained` or a download filled"


def _missing_shards(path: Path) -> list[str]:
    """Read the table of contents that comes with weights in several files; None of it is no fault."""
    for name in _INDEXES:
        try:
            shards = set(json.loads((path / name).read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue  # no index; a broken one is the loader's to report
        return sorted(shard for shard in shards if not _holds_data(path / shard))
    return []


def _holds_data(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
