"""Files of models, written byte by byte: no library is needed, and nothing can be loaded from them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 1000\n"
PAGE = "<!DOCTYPE html>\n<html><body>Please log in</body></html>"


def model_folder(folder: Path, *, weights: str | None = "model.safetensors") -> Path:
    """Write the files that every model folder has, with weights of one tensor."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_text("{}")
    if weights and weights.endswith(".safetensors"):
        write_safetensors(folder / weights)
    elif weights:
        (folder / weights).write_bytes(b"\x80\x02}.")
    return folder


def write_safetensors(file: Path, *, data: int = 16, header: Any = None) -> None:
    """Write one tensor of four floats, whose header promises 16 bytes of data."""
    default = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    text = json.dumps(default if header is None else header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def write_gguf(
    file: Path,
    *,
    tensors: tuple[str, ...] = ("token_embd.weight", "blk.0.attn_q.weight", "output_norm.weight"),
    values: Mapping[str, str | int | list[int]] | None = None,
    cut: int = 0,
    kind: int = 0,
) -> Path:
    """Write a GGUF file with one tensor of eight values for each name; `cut` bytes are missing at its end."""
    width = 32 if kind == 0 else 64
    metadata: dict[str, str | int | list[int]] = {
        "general.architecture": "llama",
        "llama.block_count": 1,
        "llama.context_length": 64,
    }
    metadata.update(values or {})
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts.append(_text(key))
        parts.append(_entry(value))
    for number, name in enumerate(tensors):
        parts.append(_text(name) + struct.pack("<IQIQ", 1, 8, kind, width * number))
    head = b"".join(parts)
    content = head + bytes(-len(head) % 32) + bytes(width * len(tensors))
    file.write_bytes(content[: len(content) - cut])
    return file


def _entry(value: str | int | list[int]) -> bytes:
    if isinstance(value, list):
        return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return struct.pack("<I", 8) + _text(value) if isinstance(value, str) else struct.pack("<II", 4, value)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
