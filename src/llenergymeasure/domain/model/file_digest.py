"""Digests of files: whole where that is quick, else of their size and blocks of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

WHOLE_BYTES = 512 * 2**20
"""Files of up to so many bytes together are read whole: about a second at 400 MB/s, beside the loading of the model."""
BLOCKS = 64
BLOCK_BYTES = 64 * 1024
HEAD_BYTES = 2**20
"""Of each file; the header of a safetensors or GGUF file, with the names and shapes of its tensors, lies there."""

WHOLE = "whole files"
SAMPLED = (
    f"size, first {HEAD_BYTES // 2**20} MiB and {BLOCKS} blocks of {BLOCK_BYTES // 1024} KiB of each file"
)


def digest_files(files: Iterable[Path], root: Path) -> tuple[str, str]:
    """Return the SHA-256 of files by their names below `root`, and how they were read: `WHOLE` or `SAMPLED`.

    Raises:
        OSError: one cannot be read.
    """
    by_name = sorted((path.relative_to(root).as_posix(), path) for path in files)
    whole = sum(path.stat().st_size for _, path in by_name) <= WHOLE_BYTES
    lines = [f"{digest_file(path, whole=whole)}  {name}\n" for name, path in by_name]
    return hashlib.sha256("".join(lines).encode()).hexdigest(), WHOLE if whole else SAMPLED


def digest_file(path: Path, *, whole: bool = True) -> str:
    """Return the SHA-256 of a file, or of its size and of blocks that are spread evenly over it.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if whole:
            while block := file.read(HEAD_BYTES):
                digest.update(block)
            return digest.hexdigest()
        size = path.stat().st_size
        digest.update(str(size).encode())
        digest.update(file.read(HEAD_BYTES))
        for number in range(1, BLOCKS + 1):
            file.seek(max(size * number // BLOCKS - BLOCK_BYTES, 0))
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()
