"""What answers at a URL: which models it serves, or why it is not the server that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from llenergymeasure.backends.server.process.plain_http import Answer, NoAnswer, ask

MODELS = "/models"
LISTED = 5
"""Models that a message lists."""


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """One entry of the list of models."""

    name: str
    context_length: int | None
    """Tokens of prompt and answer together, where the server says so (vLLM's `max_model_len`)."""


class NotReached(Exception):
    """What is wrong with a URL, and what to do: one sentence."""


def served_models(url: str, *, api_key: str | None = None, timeout_s: float = 10.0) -> list[ServedModel]:
    """Return the models of an OpenAI-compatible server; `url` ends with the root of its API, `/v1`.

    Raises:
        NotReached: it does not answer, or what answers is something else.
    """
    try:
        answer = ask(url + MODELS, api_key=api_key, timeout_s=timeout_s)
    except NoAnswer as reason:
        raise NotReached(_unreachable(url, reason)) from None
    if answer.status in (401, 403):
        had = "refuses the API key" if api_key else "asks for an API key"
        raise NotReached(
            f"{url} {had} (status {answer.status}) → export the key in the variable that server.api_key_env names"
        )
    models = _models(answer)
    if models is None:
        raise NotReached(_something_else(url, answer, api_key, timeout_s))
    return models


def find_model(models: Sequence[ServedModel], name: str, url: str) -> ServedModel:
    """Return the model of a name.

    Raises:
        NotReached: the server serves others, with the nearest of them.
    """
    found = next((model for model in models if model.name == name), None)
    if found is not None:
        return found
    names = [model.name for model in models]
    if not names:
        raise NotReached(f"{url} serves no model → load one in the server, then start again")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]}?)" if near and len(names) > 1 else ""
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    raise NotReached(
        f"{url} does not serve '{name}', it serves {listed}{hint} → set model to the served name"
    )


def problems_of(url: str, served_name: str, api_key: str | None = None) -> list[str]:
    """Return what is wrong with a server that runs already, one sentence each; a few seconds at most."""
    try:
        find_model(served_models(url, api_key=api_key, timeout_s=5.0), served_name, url)
    except NotReached as problem:
        return [str(problem)]
    return []


def _models(answer: Answer) -> list[ServedModel] | None:
    document = answer.json() if answer.status == 200 else None
    entries = document.get("data") if isinstance(document, dict) else None
    if entries is None and isinstance(document, dict) and document.get("object") == "list":
        return []  # Ollama without a model: "data": null
    if not isinstance(entries, list) or not all(isinstance(each, dict) and "id" in each for each in entries):
        return None
    return [ServedModel(name=str(each["id"]), context_length=_context(each)) for each in entries]


def _context(entry: dict[str, Any]) -> int | None:
    meta = entry.get("meta")
    told = entry.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return told if isinstance(told, int) and told > 0 else None


def _unreachable(url: str, reason: NoAnswer) -> str:
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    fix = (
        "start the server first, or let llem do it (server.preset, server.command)"
        if reason.refused
        else ("check server.url, and that the server is up")
    )
    return f"no server answers at {where}: {reason} → {fix}"


def _something_else(url: str, answer: Answer, api_key: str | None, timeout_s: float) -> str:
    """Return what answers instead, and the URL that was probably meant."""
    who = f" ({answer.server})" if answer.server else ""
    text = (
        f"what answers at {url}{who} is no OpenAI-compatible server: {url}{MODELS} gave status {answer.status}, "
        f"'{answer.quoted()}'"
    )
    meant = next((other for other in _near(url) if _has_models(other, api_key, timeout_s)), None)
    if meant is not None:
        return f"{text} → set server.url to {meant}"
    return f"{text} → set server.url to the root of the API, which mostly ends with /v1"


def _has_models(url: str, api_key: str | None, timeout_s: float) -> bool:
    try:
        return _models(ask(url + MODELS, api_key=api_key, timeout_s=timeout_s)) is not None
    except NoAnswer:
        return False


def _near(url: str) -> list[str]:
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}"
    return [other for other in dict.fromkeys((f"{url}/v1", f"{root}/v1", root)) if other != url]
