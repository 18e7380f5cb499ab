"""Whether transformers reads a GGUF file's architecture, and the gguf package its types of tensors, by its header."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from llenergymeasure.domain.model.files.content import FileProblem
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader, read_gguf_header
from llenergymeasure.domain.model.gguf_info import vocabulary

_PART_OF_NAMES = "t5"
"""Architectures with this in their names are read as T5 or UMT5."""
ARCHITECTURE = "general.architecture"


def gguf_refusal(file: Path) -> str | None:
    """Return why the tensors of a GGUF file cannot be unpacked, or None; no tensor is read."""
    if not all(map(importlib.util.find_spec, ("gguf", "torch", "transformers"))):
        return None  # said by another check
    try:
        header = read_gguf_header(file)
    except FileProblem:
        return None  # said by another check
    return _architecture_refusal(file, header) or _type_refusal(file, header)


def gguf_vocabulary(file: Path) -> int | None:
    """Return how many tokens a GGUF file has embeddings of; None where it does not say."""
    try:
        return vocabulary(read_gguf_header(file))
    except FileProblem:
        return None  # said by another check


def _architecture_refusal(file: Path, header: GGUFHeader) -> str | None:
    name = header.values.get(ARCHITECTURE)
    if not isinstance(name, str):
        return f"model {file} does not say its architecture ({ARCHITECTURE}) → convert it again"
    try:
        from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES
    except ImportError:
        return None  # other versions know it under another name: the load says it
    known = {_plain(each) for each in GGUF_SUPPORTED_ARCHITECTURES}
    if _plain(name) in known or _PART_OF_NAMES in name:
        return None
    return (
        f"model {file} is of architecture {name[:60]!r}, which this version of transformers does not read from GGUF "
        "files → name the folder of the original model, or pip install --upgrade transformers"
    )


def _type_refusal(file: Path, header: GGUFHeader) -> str | None:
    """Unpack one block of each type, of zeros."""
    import numpy as np
    from gguf import dequantize
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    for number in sorted({tensor.type for tensor in header.tensors}):
        kind = f"number {number}"
        try:
            kind = GGMLQuantizationType(number).name
            dequantize(np.zeros((1, GGML_QUANT_SIZES[number][1]), np.uint8), GGMLQuantizationType(number))
        except (RuntimeError, ValueError, KeyError):
            return (
                f"model {file} has tensors of type {kind}, which the gguf package cannot unpack → choose a file of "
                "another quantisation, such as Q4_K_M or Q8_0, or pip install --upgrade gguf"
            )
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
