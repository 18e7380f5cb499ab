"""Whether a GGUF file is one whole language model."""

from __future__ import annotations

import re
from pathlib import Path

from llenergymeasure.domain.model.files.content import FileProblem
from llenergymeasure.domain.model.files.ggml_types import GGML_TYPES
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader, read_gguf_header

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_NO_MODELS = {
    "adapter": "a LoRA adapter",
    "mmproj": "a projector for images",
    "imatrix": "an importance matrix",
}
_FINAL_NORMS = ("output_norm.weight", "token_embd_norm.weight")
"""Of all architectures, and of LFM2 (gguf, `constants.py`)."""


def require_whole_gguf(file: Path) -> None:
    """Refuse a file that is no GGUF file, a part of one, or ends early, and one that lacks a layer.

    Raises:
        FileProblem: with what to do.
    """
    header = read_gguf_header(file)
    _require_single(file, header)
    kind = str(header.values.get("general.type", "model"))
    if kind in _NO_MODELS or header.values.get("general.architecture") == "clip":
        what = _NO_MODELS.get(kind, "a projector for images")
        raise FileProblem(
            f"model {file} is {what}, not a language model → name the GGUF file of the model itself"
        )
    _require_data(file, header)
    _require_layers(file, header)


def _require_single(file: Path, header: GGUFHeader) -> None:
    part = _PART.search(file.name)
    count = header.values.get("split.count", 0)
    if part and int(part[2]) > 1:
        count = max(count if isinstance(count, int) else 0, int(part[2]))
    if isinstance(count, int) and count > 1:
        stem = file.name[: part.start()] if part else file.stem
        first = f"{stem}-00001-of-{count:05d}.gguf"
        raise FileProblem(
            f"model {file} is one of {count} parts of a GGUF file, and only whole ones are read here → join them "
            f"with `llama-gguf-split --merge {file.parent / first} {file.parent / stem}.gguf` and name that file"
        )


def _require_data(file: Path, header: GGUFHeader) -> None:
    size = file.stat().st_size
    end = max(
        (header.data_offset + each.offset + _bytes(each.shape, each.type) for each in header.tensors),
        default=0,
    )
    if not header.tensors:
        raise FileProblem(
            f"model {file} contains no tensors (a vocabulary alone?) → name the GGUF file of the model"
        )
    if end > size:
        raise FileProblem(
            f"model {file} is damaged: it ends {end - size} bytes early ({size} of {end} bytes are there) → download "
            "it again"
        )


def _require_layers(file: Path, header: GGUFHeader) -> None:
    blocks = header.whole("block_count") or 0
    names = {each.name for each in header.tensors}
    present = {int(name.split(".")[1]) for name in names if re.match(r"blk\.\d{1,6}\.", name)}
    missing = [f"blk.{number}" for number in range(min(blocks, 10_000)) if number not in present]
    if "token_embd.weight" not in names:
        missing.append("token_embd.weight")
    if names.isdisjoint(_FINAL_NORMS):
        missing.append(_FINAL_NORMS[0])
    if missing and present:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise FileProblem(
            f"model {file} lacks {', '.join(missing[:3])}{more}: random weights would take their place → download it "
            "again, or convert it again"
        )


def _bytes(shape: tuple[int, ...], kind: int) -> int:
    """Return the size of a tensor; of a type that is not known, one byte."""
    known = GGML_TYPES.get(kind)
    return 1 if known is None else known.tensor_bytes(shape)
