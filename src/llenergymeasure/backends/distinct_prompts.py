"""Prompts with another beginning and the same length, so that no prefix of an earlier one fits them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from llenergymeasure.backends.base import EncodedRequest

EXCHANGED = 4
"""Tokens at the beginning that are exchanged: with a hundred ordinary tokens, a hundred million beginnings."""
MOVED = 12
"""Words of a text that change places, at most."""
ENOUGH = 16
"""Ordinary tokens that are enough to draw from."""
LOOKED_AT = 1000
"""Prompts from which ordinary tokens are collected, at most."""
_LAST = 2**63


class DistinctPrompts:
    """Gives the prompts of one workload other beginnings, one for each serial number.

    Token ids: the first ones behind what all prompts have in common (a begin token, the head of a chat template) are
    exchanged for ordinary tokens of the workload. Text: words that stand behind a single space change places among
    each other. Tokenizers split text before such a space and never join across it, so the number of tokens stays. A
    synthetic prompt, which the backend draws, is drawn from another seed.
    """

    def __init__(self, workload: Sequence[EncodedRequest], seed: int) -> None:
        ids = [each.token_ids for each in workload if each.token_ids]
        distinct = list(dict.fromkeys(ids[:LOOKED_AT]))
        several = len(distinct) > 1
        head = common_head(ids) if several else 0
        self.common_head_tokens: int | None = head if several and len(ids) == len(workload) else None
        """None where token ids are not known, and for one prompt."""
        self._head = head if several else 1
        self._tail = _common_tail(ids) if several else 0
        self._pool = self._ordinary(distinct)
        random.Random(seed).shuffle(self._pool)

    def vary(self, encoded: EncodedRequest, serial: int) -> EncodedRequest:
        """Return the request with another beginning; the request itself where its prompt has nothing to exchange."""
        prompt = encoded.prompt
        if prompt.token_seed is not None:
            prompt = replace(prompt, token_seed=(prompt.token_seed * 1_000_003 + serial + 1) % _LAST)
        elif prompt.text is not None:
            prompt = replace(prompt, text=with_words_moved(prompt.text, serial))
        ids = self._exchanged(encoded.token_ids, serial)
        if prompt == encoded.prompt and ids == encoded.token_ids:
            return encoded
        return replace(encoded, prompt=prompt, token_ids=ids)

    def _ordinary(self, prompts: Sequence[tuple[int, ...]]) -> list[int]:
        """Return the tokens of the prompts behind their common head, without those of every prompt if others do."""
        bodies = [set(ids[self._head : len(ids) - self._tail]) for ids in prompts]
        everywhere = set.intersection(*bodies) if len(bodies) > 1 else set()
        found = set().union(*bodies)
        return sorted(found - everywhere if len(found - everywhere) >= ENOUGH else found)

    def _exchanged(self, ids: tuple[int, ...], serial: int) -> tuple[int, ...]:
        start, size = self._head, len(self._pool)
        end = min(start + EXCHANGED, len(ids) - self._tail)
        if size < 2 or end <= start:
            return ids
        drawn = []
        for _ in range(start, end):
            serial, place = divmod(serial, size)
            drawn.append(self._pool[place])
        return (*ids[:start], *drawn, *ids[end:])


def with_words_moved(text: str, serial: int) -> str:
    """Return a text in which words behind a single space have changed places, in the order of a serial number."""
    parts = re.split(r"((?<=\S) (?=\S))", text, maxsplit=MOVED)
    words = parts[2::2]  # the first has no space before it
    last_is_whole = len(parts) // 2 < MOVED
    movable = words if last_is_whole else words[:-1]
    free = list(range(len(movable)))
    serial += 1  # 0 is the order of the text
    moved = []
    while free:
        serial, place = divmod(serial, len(free))
        moved.append(movable[free.pop(place)])
    parts[2 : 2 + 2 * len(moved) : 2] = moved
    return "".join(parts)


def common_head(prompts: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens all prompts have in common at their beginning."""
    first, length = prompts[0], len(prompts[0])
    for ids in prompts:
        length = min(length, len(ids))
        while length and ids[:length] != first[:length]:
            length -= 1
    return length


def _common_tail(prompts: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens all prompts have in common at their end."""
    first, length = prompts[0], len(prompts[0])
    for ids in prompts:
        length = min(length, len(ids))
        while length and ids[len(ids) - length :] != first[len(first) - length :]:
            length -= 1
    return length
