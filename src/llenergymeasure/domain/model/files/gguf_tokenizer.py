"""The tokenizer in a GGUF file: which of its tokens stand for text, and its digest."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

from llenergymeasure.domain.model.files.gguf_header import GGUFHeader

TOKEN_TYPES = "tokenizer.ggml.token_type"
CHAT_TEMPLATE = "tokenizer.chat_template"
_NORMAL, _UNUSED, _BYTE = 1, 5, 6
"""Of `llama_token_type`; the others are unknown (2), control (3) and user-defined (4) tokens."""
_SIZE = 4


def ordinary_ids(file: Path, header: GGUFHeader) -> list[int]:
    """Return the ids that stand for text, in order: no control, unknown or added token. Empty where it is not said."""
    return [id_ for id_, kind in enumerate(_token_types(file, header)) if kind in (_NORMAL, _UNUSED, _BYTE)]


def tokenizer_digest(file: Path, header: GGUFHeader) -> str:
    """Return the SHA-256 of all that the file says of its tokenizer, without the chat template."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for key, (start, end) in sorted(header.spans.items()):
            if key.startswith("tokenizer.") and not key.startswith(CHAT_TEMPLATE):
                stream.seek(start)
                digest.update(stream.read(end - start))
    return digest.hexdigest()


def _token_types(file: Path, header: GGUFHeader) -> Sequence[int]:
    start, end = header.spans.get(TOKEN_TYPES, (0, 0))
    overhead = (
        8 + len(TOKEN_TYPES) + 4 + 4 + 8
    )  # length and text of the key, type, type of entries, their number
    if end - start <= overhead:
        return ()
    with file.open("rb") as stream:
        stream.seek(start + overhead)
        return struct.unpack(f"<{(end - start - overhead) // _SIZE}i", stream.read(end - start - overhead))
