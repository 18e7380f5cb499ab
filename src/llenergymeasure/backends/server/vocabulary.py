"""Ordinary tokens of the model of a server, of which prompts of exact length are made."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from urllib.parse import urlsplit

from llenergymeasure.backends.server.process.plain_http import NoAnswer, ask
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError

PATH = "/tokenize"
"""Beside the root of the API, in vLLM, SGLang and llama.cpp."""
LEAST = 16
"""Different tokens, from which prompts can be drawn."""
WORDS = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its about "
    "than into them can only other time new some could these two may first then do any like my now over such our man "
    "me even most made after also did many off before must well back through years much where your way down should "
    "because long each just state those people too mr how little good world make very year still see own work men day "
    "get here old life both between being under three never know same last another while us might great go come since "
    "against right came take used himself few house use place during high without again home around small however "
    "found mrs part school thought went say general once upon war every left far"
)


def ordinary_tokens(url: str, model: str, api_key: str | None) -> list[int]:
    """Return the ids of the tokens of common English words.

    Raises:
        BackendError: the server does not tell them.
    """
    parts = urlsplit(url)
    # vLLM reads model, prompt and add_special_tokens; llama.cpp content and add_special.
    body = {
        "model": model,
        "prompt": WORDS,
        "content": WORDS,
        "add_special_tokens": False,
        "add_special": False,
    }
    try:
        answer = ask(
            f"{parts.scheme}://{parts.netloc}{PATH}",
            method="POST",
            api_key=api_key,
            body=json.dumps(body).encode(),
        )
    except NoAnswer as reason:
        raise _unknown(str(reason)) from None
    document = answer.json() if answer.status == 200 else None
    tokens = document.get("tokens") if isinstance(document, dict) else None
    if (
        not isinstance(tokens, list)
        or not all(type(each) is int for each in tokens)
        or len(set(tokens)) < LEAST
    ):
        raise _unknown(f"status {answer.status}, '{answer.quoted()}'")
    return sorted(set(tokens))


def draw(prompt: Prompt, ordinary: Sequence[int]) -> tuple[int, ...]:
    """Return the tokens of a synthetic prompt."""
    return tuple(random.Random(prompt.token_seed or 0).choices(ordinary, k=prompt.n_tokens or 1))


def _unknown(reason: str) -> BackendError:
    return BackendError(
        f"prompts of exact length need tokens of the model, and the server does not tell them: {PATH} gave {reason} → "
        "set workload.dataset: builtin, or use a server that has it (vLLM, SGLang, llama.cpp)"
    )
