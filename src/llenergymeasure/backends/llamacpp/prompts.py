"""The tokenizer of a GGUF file, as the engine reads it, and its chat template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from llenergymeasure.backends.llamacpp.engine import Engine
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader
from llenergymeasure.domain.model.files.gguf_tokenizer import CHAT_TEMPLATE, ordinary_ids
from llenergymeasure.domain.model.gguf_info import vocabulary
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError, ConfigError

NO_TEMPLATE = "the model has no chat template: set workload.chat_template: false"
STAND_IN = "4815162342108"
"""In the place of a prompt, to see what the template writes around it."""
CLOCK = "strftime_now"


class EngineTokenizer:
    """The engine's own tokenizer as a `PromptTokenizer`.

    A chat gets the begin token where its template writes one, and only then. The engine takes that token off the text
    where the tokenizer would add it again, so it is the tokenizer that adds it.
    """

    def __init__(self, engine: Engine, file: Path, header: GGUFHeader) -> None:
        self._engine = engine
        self._file = file
        self._header = header
        self._template = header.values.get(CHAT_TEMPLATE)
        self._begin = str(engine.properties().get("bos_token") or "")

    @property
    def n_rows(self) -> int:
        """Tokens that the file has embeddings of."""
        return vocabulary(self._header) or 0

    def text_ids(self, text: str) -> Sequence[int]:
        return self._engine.tokenize(text, add_special=True)

    def chat_ids(self, prompt: Prompt) -> Sequence[int]:
        if not isinstance(self._template, str):
            raise ConfigError(NO_TEMPLATE)
        text = self._engine.apply_template(prompt.text or "")
        if (prompt.text or "").strip() not in text:
            raise BackendError(
                f"the chat template of the GGUF file does not keep prompt {prompt.prompt_id} as it is: set "
                "workload.chat_template: false to send prompts as plain text"
            )
        return self._engine.tokenize(text, add_special=self._template_begins)

    def ordinary_ids(self) -> Sequence[int]:
        return ordinary_ids(self._file, self._header)

    def opens_answer(self) -> bool | None:
        """Return whether the template asks for an answer after the prompt; None without a template."""
        if not isinstance(self._template, str):
            return None
        return bool(self._engine.apply_template(STAND_IN).rpartition(STAND_IN)[2].strip())

    def reads_clock(self) -> bool | None:
        """Return whether the template can write the date or the time; None without a template."""
        return CLOCK in self._template if isinstance(self._template, str) else None

    def template_digest(self) -> dict[str, str]:
        """Return the SHA-256 of the chat template by field of `Fingerprints`; empty without one."""
        if not isinstance(self._template, str):
            return {}
        text = json.dumps(self._template)  # as the digest of a tokenizer of transformers is made
        return {"chat_template_sha256": hashlib.sha256(text.encode()).hexdigest()}

    @property
    def _template_begins(self) -> bool:
        template = str(self._template)
        return "bos_token" in template or (bool(self._begin) and self._begin in template)
