"""From prompts to token ids: the rules that hold for every backend which has the model's tokenizer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError, ConfigError

MOST_CHARACTERS, MOST_CHARACTERS_PER_TOKEN = 1_000_000, 100
"""A longer prompt fits no context of fewer tokens: the longest tokens of common vocabularies are of some hundred
spaces, and no text is of those alone."""


class PromptTokenizer(Protocol):
    """The tokenizer of a model, with its chat template."""

    @property
    def n_rows(self) -> int:
        """Tokens that the model has an embedding for."""
        ...

    def text_ids(self, text: str) -> Sequence[int]:
        """Return the tokens of plain text, with those that the tokenizer adds by default (a begin token, say)."""
        ...

    def chat_ids(self, prompt: Prompt) -> Sequence[int]:
        """Return the tokens of a prompt as the only message of a chat: those of the template, and no others.

        Raises:
            ConfigError: the model has no chat template.
        """
        ...

    def ordinary_ids(self) -> Sequence[int]:
        """Return the ids that stand for text, in order: no special or added token, none without an embedding."""
        ...


def encode(
    tokenizer: PromptTokenizer, prompts: Sequence[Prompt], workload: WorkloadConfig
) -> list[list[int]]:
    """Return the token ids of each prompt, at most `max_input_tokens`, the last ones.

    One rule for special tokens: plain text gets those that the tokenizer adds by default (a begin token, say), text in
    a chat template those of the template and no others, a synthetic prompt none. All of them count as prompt tokens.

    Raises:
        ConfigError: a prompt without tokens, no chat template where one was asked for, or different prompts of which
            `max_input_tokens` leaves the same.
        BackendError: the template or the tokenizer fails, or loses what the prompts say, or has tokens that the model
            does not.
    """
    encoder = _Encoder(tokenizer, chat=workload.chat_template)
    whole = [encoder.encode(prompt) for prompt in prompts]
    _check_different(prompts, whole)
    encoded = [ids[-workload.max_input_tokens :] for ids in whole]
    _check_not_cut_off(prompts, encoded, chat=workload.chat_template)
    for prompt, ids in zip(prompts, encoded, strict=True):
        _check(prompt, ids, tokenizer.n_rows)
    return encoded


def encode_requests(
    tokenizer: PromptTokenizer, prompts: Sequence[Prompt], workload: WorkloadConfig, context: int | None
) -> list[EncodedRequest]:
    """Return each prompt as the model reads it; prompt and answer fit into so many tokens of context.

    Raises:
        ConfigError: as `encode` and `check_context` say.
        BackendError: as `encode` says.
    """
    encoded = encode(tokenizer, prompts, workload)
    check_context(encoded, workload, context)
    for prompt, ids in zip(prompts, encoded, strict=True):
        total = len(ids) + (prompt.max_output_tokens or 0)
        if context is not None and total > context:
            raise ConfigError(
                f"prompt {prompt.prompt_id} ({len(ids)} tokens) and its answer ({prompt.max_output_tokens}) make "
                f"{total} tokens, but the context is {context}: raise it, or lower the limit of the answer"
            )
    return [
        EncodedRequest(prompt=prompt, index=index, prompt_tokens=len(ids), token_ids=tuple(ids))
        for index, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True))
    ]


def check_context(
    encoded: Sequence[Sequence[int]], workload: WorkloadConfig, context_length: int | None
) -> None:
    """Refuse a workload that does not fit the model's context.

    Raises:
        ConfigError: with the numbers.
    """
    longest = max((len(ids) for ids in encoded), default=0)
    total = longest + workload.max_output_tokens
    if context_length is not None and total > context_length:
        raise ConfigError(
            f"the longest prompt ({longest} tokens) and workload.max_output_tokens ({workload.max_output_tokens}) make "
            f"{total} tokens, but the model's context is {context_length}: lower workload.max_input_tokens or "
            "workload.max_output_tokens"
        )


def check_length(prompts: Sequence[Prompt], workload: WorkloadConfig, context_length: int | None) -> None:
    """Refuse prompts that cannot fit the model's context, before a tokenizer works on them for minutes.

    Raises:
        ConfigError: with the prompt and the numbers.
    """
    if context_length is None or workload.max_input_tokens + workload.max_output_tokens <= context_length:
        return
    most = max(MOST_CHARACTERS, MOST_CHARACTERS_PER_TOKEN * context_length)
    too_long = next((each for each in prompts if len(each.text or "") > most), None)
    if too_long is not None:
        raise ConfigError(
            f"prompt {too_long.prompt_id} has {len(too_long.text or ''):,} characters, and the model's context is "
            f"{context_length} tokens: shorten it, or lower workload.max_input_tokens"
        )


def tokenizer_fails(cause: str) -> BackendError:
    """Return the error of a tokenizer that does not do its work."""
    return BackendError(f"the model's tokenizer fails ({cause}): use the tokenizer that it was trained with")


class _Encoder:
    """Turns one prompt after another into ids; what synthetic prompts draw from is looked up once."""

    def __init__(self, tokenizer: PromptTokenizer, *, chat: bool) -> None:
        self._tokenizer = tokenizer
        self._chat = chat
        self._ordinary: Sequence[int] | None = None

    def encode(self, prompt: Prompt) -> list[int]:
        if prompt.n_tokens is not None:
            return self._draw(prompt.n_tokens, prompt.token_seed or 0)
        if self._chat:
            return list(self._tokenizer.chat_ids(prompt))
        return list(self._tokenizer.text_ids(prompt.text or ""))

    def _draw(self, n_tokens: int, seed: int) -> list[int]:
        if self._ordinary is None:
            self._ordinary = self._tokenizer.ordinary_ids()
            if not self._ordinary:
                raise tokenizer_fails("it has no token for ordinary text")
        return random.Random(seed).choices(self._ordinary, k=n_tokens)


def _check_different(prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]]) -> None:
    texts = {
        " ".join((prompt.text or "").casefold().split()) for prompt in prompts if prompt.n_tokens is None
    }
    if len(texts) > 1 and len({tuple(ids) for ids in encoded}) == 1:
        raise tokenizer_fails(f"all {len(texts)} different prompts become the same {len(encoded[0])} tokens")


def _check_not_cut_off(prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]], *, chat: bool) -> None:
    """What the template writes after a prompt may be longer than all that is kept."""
    texts = {(prompt.text or "").strip() for prompt in prompts if prompt.n_tokens is None}
    if len(texts) > 1 and len({tuple(ids) for ids in encoded}) == 1:
        raise ConfigError(
            f"the last {len(encoded[0])} tokens of all {len(texts)} different prompts are the same, and no others "
            "would be read: raise workload.max_input_tokens"
            + (", or set workload.chat_template: false" if chat else "")
        )


def _check(prompt: Prompt, ids: Sequence[int], n_rows: int) -> None:
    if not ids:
        raise ConfigError(f"prompt {prompt.prompt_id} has no tokens: give it text")
    if max(ids) >= n_rows:
        raise BackendError(
            f"the tokenizer gives token {max(ids)}, but the model has only {n_rows}: "
            "use the tokenizer that it was trained with"
        )
