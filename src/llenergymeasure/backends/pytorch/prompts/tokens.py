"""From prompts to batches of token ids on the device."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.backends.pytorch.generation import StaticBatch
from llenergymeasure.backends.pytorch.prompts.template import NONE, ChatTemplate, chat_template_of
from llenergymeasure.config.models import DecoderConfig, WorkloadConfig
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError, ConfigError
from llenergymeasure.foreign_code import explained

MOST_CHARACTERS, MOST_CHARACTERS_PER_TOKEN = 1_000_000, 100
"""A longer prompt fits no context of fewer tokens: the longest tokens of common vocabularies are of some hundred
spaces, and no text is of those alone."""


def encode(
    tokenizer: Any, prompts: Sequence[Prompt], workload: WorkloadConfig, n_rows: int
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
    encoder = _Encoder(tokenizer, workload, n_rows)
    whole = [encoder.encode(prompt) for prompt in prompts]
    _check_different(prompts, whole)
    encoded = [ids[-workload.max_input_tokens :] for ids in whole]
    _check_not_cut_off(prompts, encoded, chat=workload.chat_template)
    for prompt, ids in zip(prompts, encoded, strict=True):
        _check(prompt, ids, n_rows)
    return encoded


def unknown_fraction(tokenizer: Any, encoded: Sequence[Sequence[int]]) -> float | None:
    """Return the fraction of the tokens that stand for text the tokenizer does not know; None where it has none such.

    A token that has another meaning as well, such as the begin, is not counted.
    """
    with explained(_tokenizer_fails):
        unknown = tokenizer.unk_token_id
        others = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    total = sum(len(ids) for ids in encoded)
    if not isinstance(unknown, int) or unknown in others or not total:
        return None
    return sum(ids.count(unknown) for ids in map(list, encoded)) / total


def describe_prompts(
    tokenizer: Any, encoded: Sequence[Sequence[int]], workload: WorkloadConfig
) -> PromptFacts:
    """Return whether the prompts reach the model as text, and as a question; None where the tokenizer cannot say."""
    unknown: float | None = None
    opens = clock = None
    with suppress(BackendError):
        unknown = unknown_fraction(tokenizer, encoded)
    if workload.chat_template and workload.dataset != "synthetic":
        with suppress(BackendError):
            opens = ChatTemplate(tokenizer).opens_answer()
        with suppress(BackendError):
            clock = ChatTemplate(tokenizer).reads_clock()
    return PromptFacts(unknown_fraction=unknown, opens_answer=opens, reads_clock=clock)


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


def check_padding(batches: Iterable[StaticBatch], decoder: DecoderConfig, *, pads_apart: bool) -> None:
    """Refuse a repetition penalty that would also meet padding: a padded row would be less likely to end, for example.

    Raises:
        ConfigError: with what to set instead.
    """
    unequal = any(len(set(batch.prompt_tokens)) > 1 for batch in batches)
    if decoder.repetition_penalty not in (None, 1.0) and unequal and not pads_apart:
        raise ConfigError(
            "the model has no token for padding alone, and decoder.repetition_penalty would count padding as "
            "repetition of the token that it pads with: set pytorch.batch_size: 1"
        )


def make_batch(requests: Sequence[EncodedRequest], index: int, pad_id: int, device: Any) -> StaticBatch:
    """Return requests as one batch in their order, padded on the left."""
    return StaticBatch(
        index=index,
        requests=tuple(requests),
        inputs=_padded([request.token_ids for request in requests], pad_id, device),
    )


class _Encoder:
    """Turns one prompt after another into ids; what synthetic prompts draw from is looked up once."""

    def __init__(self, tokenizer: Any, workload: WorkloadConfig, n_rows: int) -> None:
        self._tokenizer = tokenizer
        self._chat = workload.chat_template
        self._n_rows = n_rows
        self._ordinary: list[int] | None = None
        self._template: ChatTemplate | None = None

    def encode(self, prompt: Prompt) -> list[int]:
        if prompt.n_tokens is not None:
            return self._draw(prompt.n_tokens, prompt.token_seed or 0)
        if self._chat:
            return self._ids(self._in_template(prompt), add_special_tokens=False)
        return self._ids(prompt.text or "", add_special_tokens=True)

    def _ids(self, text: str, *, add_special_tokens: bool) -> list[int]:
        with explained(_tokenizer_fails):
            ids = list(self._tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
        strange = [id_ for id_ in ids if isinstance(id_, bool) or not isinstance(id_, int) or id_ < 0]
        if strange:
            raise _tokenizer_fails(
                f"it gives {str(strange[0])[:40]} ({type(strange[0]).__name__}) as a token id"
            )
        return ids

    def _in_template(self, prompt: Prompt) -> str:
        if self._template is None:
            if not chat_template_of(self._tokenizer):
                raise ConfigError(NONE)
            self._template = ChatTemplate(self._tokenizer)
        return self._template.render(prompt.text or "", prompt.prompt_id)

    def _draw(self, n_tokens: int, seed: int) -> list[int]:
        if self._ordinary is None:
            with explained(_tokenizer_fails):
                self._ordinary = ordinary_ids(self._tokenizer, self._n_rows)
            if not self._ordinary:
                raise _tokenizer_fails("it has no token for ordinary text")
        return random.Random(seed).choices(self._ordinary, k=n_tokens)


def ordinary_ids(tokenizer: Any, n_rows: int) -> list[int]:
    """Return the ids that stand for text, in order: no special or added token, none that the model has no row for."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return sorted(id_ for id_ in set(tokenizer.get_vocab().values()) - special if id_ < n_rows)


def _tokenizer_fails(cause: str) -> BackendError:
    return BackendError(f"the model's tokenizer fails ({cause}): use the tokenizer that it was trained with")


def _check_different(prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]]) -> None:
    texts = {
        " ".join((prompt.text or "").casefold().split()) for prompt in prompts if prompt.n_tokens is None
    }
    if len(texts) > 1 and len({tuple(ids) for ids in encoded}) == 1:
        raise _tokenizer_fails(f"all {len(texts)} different prompts become the same {len(encoded[0])} tokens")


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


def _padded(rows: Sequence[Sequence[int]], pad_id: int, device: Any) -> dict[str, Any]:
    import torch

    width = max(len(row) for row in rows)
    ids = [[pad_id] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return {
        "input_ids": torch.tensor(ids, dtype=torch.long, device=device),
        "attention_mask": torch.tensor(mask, dtype=torch.long, device=device),
    }
