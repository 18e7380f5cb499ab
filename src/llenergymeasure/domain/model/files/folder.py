"""Whether a model's folder or file contains what a backend reads."""

from __future__ import annotations

import zipfile
from pathlib import Path

from llenergymeasure.domain.model.files.content import (
    FileProblem,
    read_json_object,
    require_content,
    require_text,
)
from llenergymeasure.domain.model.files.gguf_file import require_whole_gguf
from llenergymeasure.domain.model.files.look_alikes import no_config
from llenergymeasure.domain.model.files.safetensors_header import require_whole_safetensors
from llenergymeasure.domain.model.reference import GGUF

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_OTHER_SOFTWARE = {
    "tf_model.h5": "TensorFlow",
    "flax_model*.msgpack": "Flax",
    "*.onnx": "ONNX",
    "onnx/*.onnx": "ONNX",
    "consolidated*.pth": "the original code of its authors",
    "*.npz": "MLX",
    "*.ot": "Rust",
    "*.xml": "OpenVINO",
}
_JSON_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "vocab.json",
)
_OTHER_FILES = ("tokenizer.model", "spiece.model", "merges.txt", "vocab.txt", "chat_template.jinja")
_TEXT_FILES = ("merges.txt", "vocab.txt", "chat_template.jinja")
_SIZES = {"vocab_size", "hidden_size", "num_hidden_layers", "n_layer", "n_embd"}
"""Keys of `config.json` under which no architecture has another thing than a size."""
ADAPTER = "adapter_config.json"


def model_files_problem(path: Path, *, random_weights: bool, partial: bool = False) -> str | None:
    """Return why a model's folder or file cannot be loaded, with the fix, or None.

    `partial`: what is not there will be downloaded, as into the cache of the Hub.
    """
    try:
        if path.is_file():
            _require_gguf(path)
        else:
            _require_folder(path, random_weights, partial)
    except FileProblem as problem:
        return str(problem)
    except OSError as error:
        return f"model {path} cannot be read: {error.strerror or error} → check its permissions"
    return None


def missing_weights(folder: Path) -> str | None:
    """Return which weights a folder lacks, without a look into them; None where they are there, if damaged."""
    try:
        shards = _shards(folder)
    except FileProblem:
        return None
    missing = [name for name in shards if not (folder / name).exists()]
    if missing:
        return _few(missing)
    return None if shards or any(file.exists() for file in _weight_files(folder)) else "weights"


def _require_gguf(file: Path) -> None:
    if file.suffix == GGUF:
        require_whole_gguf(file)
    elif (file.parent / "config.json").is_file():
        raise FileProblem(f"model {file} is a file → name the folder that contains it: model: {file.parent}")
    else:
        raise FileProblem(f"model {file} is a file → name the folder that holds it, or a .gguf file")


def _require_folder(folder: Path, random_weights: bool, partial: bool) -> None:
    if (folder / ADAPTER).exists():
        _refuse_adapter(folder)
    config = folder / "config.json"
    if not config.exists() and not config.is_symlink():
        if partial:
            return
        raise no_config(folder)
    _require_config(config)
    for name in (*_JSON_FILES, *_OTHER_FILES):
        file = folder / name
        if name in _JSON_FILES and file.exists():
            read_json_object(file)
        elif name in _TEXT_FILES and file.exists():
            require_text(file)
        elif file.exists() or file.is_symlink():
            require_content(file)
    if not random_weights:
        _require_weights(folder, partial)


def _refuse_adapter(folder: Path) -> None:
    settings = read_json_object(folder / ADAPTER)
    base = settings.get("base_model_name_or_path")
    kind = str(settings.get("peft_type", "LORA"))
    name = "a LoRA adapter" if kind == "LORA" else f"an adapter of type {kind}"
    named = base if isinstance(base, str) and base else "the model that it was trained on"
    raise FileProblem(
        f"model folder {folder} is {name} ({ADAPTER}), not a model → set model: {named} and "
        f"pytorch.lora_adapter: {folder}"
    )


def _require_config(file: Path) -> None:
    config = read_json_object(file)
    model_type = config.get("model_type")
    if model_type is None and "auto_map" in config:
        return  # code of its own says what it is
    if model_type is None:
        raise FileProblem(
            f'{file} has no "model_type", which says what architecture it is → add it ("model_type": "llama", for '
            "example), or download the file again"
        )
    if not isinstance(model_type, str) or not model_type:
        raise FileProblem(
            f'{file}: "model_type" is not the name of an architecture → download the file again'
        )
    for key in _SIZES & config.keys():
        if not isinstance(config[key], int) or config[key] < 1:
            raise FileProblem(
                f'{file}: "{key}" is {config[key]!r:.60}, not a whole number of at least 1 → correct it'
            )


def _require_weights(folder: Path, partial: bool) -> None:
    shards = _shards(folder)
    missing = sorted(name for name in shards if not (folder / name).exists())
    if missing and not partial:
        raise FileProblem(
            f"model folder {folder} is incomplete: {_few(missing)} missing → copy or download it again"
        )
    if shards:
        _require_metadata(folder)
    files = [folder / name for name in shards] or _weight_files(folder)
    for file in files:
        if file.exists() or file.is_symlink():
            _require_whole(file)
    if not files and not partial:
        raise _no_weights(folder)


def _shards(folder: Path) -> list[str]:
    """Return the files that the table of contents names; none where the weights are one file."""
    for whole, name in zip(_WHOLE, _INDEXES, strict=True):  # in the order of transformers
        if (folder / whole).exists():
            return []
        file = folder / name
        if not file.exists() and not file.is_symlink():
            continue
        shards = read_json_object(file).get("weight_map")
        if (
            not isinstance(shards, dict)
            or not all(isinstance(each, str) for each in shards.values())
            or not shards
        ):
            raise FileProblem(f'{file} has no "weight_map" from tensors to files → download it again')
        return sorted(set(shards.values()))
    return []


def _require_metadata(folder: Path) -> None:
    """What is in it is of no use to transformers, which refuses a table of contents without it."""
    file = next(folder / name for name in _INDEXES if (folder / name).exists())
    if not isinstance(read_json_object(file).get("metadata"), dict):
        raise FileProblem(
            f'{file} has no "metadata", which transformers asks for → add "metadata": {{}} to it, or download it again'
        )


def _weight_files(folder: Path) -> list[Path]:
    """Return the file that is loaded by its name, or all that could be where another name is asked for."""
    named = [folder / name for name in _WHOLE if (folder / name).exists() or (folder / name).is_symlink()]
    return named[:1] or sorted(file for pattern in _WEIGHTS for file in folder.glob(pattern))


def _require_whole(file: Path) -> None:
    if file.suffix == ".safetensors":
        require_whole_safetensors(file)
        return
    require_content(file)
    with file.open("rb") as stream:
        zipped = stream.read(2) == b"PK"
    if zipped and not zipfile.is_zipfile(file):
        raise FileProblem(f"{file} is damaged: it ends early → download it again")


def _no_weights(folder: Path) -> FileProblem:
    for pattern, software in _OTHER_SOFTWARE.items():
        found = sorted(folder.glob(pattern))
        if found:
            return FileProblem(
                f"model folder {folder} has no weights that PyTorch reads: {found[0].name} is for {software} → "
                "download the *.safetensors or pytorch_model*.bin of this model"
            )
    return FileProblem(
        f"model folder {folder} has no weights (*.safetensors or pytorch_model*.bin) → put them there, "
        "or set weights: random to measure the bare architecture"
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
