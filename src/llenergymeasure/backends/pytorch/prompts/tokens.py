"""From prompts to batches of token ids on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from llenergymeasure.backends import prompts as shared
from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.backends.prompts import tokenizer_fails
from llenergymeasure.backends.pytorch.generation import StaticBatch
from llenergymeasure.backends.pytorch.prompts.template import NONE, ChatTemplate, chat_template_of
from llenergymeasure.config.models import DecoderConfig, WorkloadConfig
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError, ConfigError
from llenergymeasure.foreign_code import explained


def encode(
    tokenizer: Any, prompts: Sequence[Prompt], workload: WorkloadConfig, n_rows: int
) -> list[list[int]]:
    """Return the token ids of each prompt of a tokenizer of transformers; see `backends.prompts.encode`."""
    return shared.encode(TransformersTokenizer(tokenizer, n_rows), prompts, workload)


def unknown_fraction(tokenizer: Any, encoded: Sequence[Sequence[int]]) -> float | None:
    """Return the fraction of the tokens that stand for text the tokenizer does not know; None where it has none such.

    A token that has another meaning as well, such as the begin, is not counted.
    """
    with explained(tokenizer_fails):
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


class TransformersTokenizer:
    """A tokenizer of transformers as a `PromptTokenizer`."""

    def __init__(self, tokenizer: Any, n_rows: int) -> None:
        self._tokenizer = tokenizer
        self._template: ChatTemplate | None = None
        self.n_rows = n_rows

    def text_ids(self, text: str) -> Sequence[int]:
        return self._ids(text, add_special_tokens=True)

    def chat_ids(self, prompt: Prompt) -> Sequence[int]:
        if self._template is None:
            if not chat_template_of(self._tokenizer):
                raise ConfigError(NONE)
            self._template = ChatTemplate(self._tokenizer)
        return self._ids(self._template.render(prompt.text or "", prompt.prompt_id), add_special_tokens=False)

    def ordinary_ids(self) -> Sequence[int]:
        with explained(tokenizer_fails):
            return ordinary_ids(self._tokenizer, self.n_rows)

    def _ids(self, text: str, *, add_special_tokens: bool) -> list[int]:
        with explained(tokenizer_fails):
            ids = list(self._tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
        strange = [id_ for id_ in ids if isinstance(id_, bool) or not isinstance(id_, int) or id_ < 0]
        if strange:
            raise tokenizer_fails(
                f"it gives {str(strange[0])[:40]} ({type(strange[0]).__name__}) as a token id"
            )
        return ids


def ordinary_ids(tokenizer: Any, n_rows: int) -> list[int]:
    """Return the ids that stand for text, in order: no special or added token, none that the model has no row for."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return sorted(id_ for id_ in set(tokenizer.get_vocab().values()) - special if id_ < n_rows)


def _padded(rows: Sequence[Sequence[int]], pad_id: int, device: Any) -> dict[str, Any]:
    import torch

    width = max(len(row) for row in rows)
    ids = [[pad_id] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return {
        "input_ids": torch.tensor(ids, dtype=torch.long, device=device),
        "attention_mask": torch.tensor(mask, dtype=torch.long, device=device),
    }
