"""Digests of a loaded tokenizer and of its chat template, wherever they were loaded from."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def tokenizer_digests(tokenizer: Any) -> dict[str, str]:
    """Return SHA-256 digests by field of `Fingerprints`; no chat template, no digest of it."""
    digests = {"tokenizer_sha256": _sha256(_content(tokenizer))}
    template = tokenizer.chat_template
    if template:
        digests["chat_template_sha256"] = _sha256(json.dumps(template, sort_keys=True))
    return digests


def _content(tokenizer: Any) -> str:
    """Return the whole of a fast tokenizer, of another its class and vocabulary; with the special tokens of either."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = fast.to_str() if fast is not None else sorted(tokenizer.get_vocab().items())
    specials = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    return json.dumps([type(tokenizer).__name__, vocabulary, specials])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
