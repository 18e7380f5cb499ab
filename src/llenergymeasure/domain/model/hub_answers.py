"""What an error of the Hugging Face client means: by its class, the HTTP status and the Hub's error code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

HubAnswer = Literal[
    "gated",
    "bad_token",
    "not_found",
    "no_revision",
    "no_file",
    "disabled",
    "rate_limited",
    "server_fault",
    "foreign",
    "offline",
    "tls",
    "unreachable",
    "broken_off",
    "timeout",
]
"""`foreign`: something on the way answered, such as a web filter, a proxy or a login page; not the Hub."""

_BY_CLASS: tuple[tuple[str, HubAnswer], ...] = (
    ("OfflineModeIsEnabled", "offline"),
    ("GatedRepoError", "gated"),
    ("RevisionNotFoundError", "no_revision"),
    ("RemoteEntryNotFoundError", "no_file"),
    ("RepositoryNotFoundError", "not_found"),
    ("HFValidationError", "not_found"),
    ("DisabledRepoError", "disabled"),
    ("FileMetadataError", "foreign"),
    ("ReadError", "broken_off"),
    ("RemoteProtocolError", "broken_off"),
    ("ChunkedEncodingError", "broken_off"),
    ("IncompleteRead", "broken_off"),
)
_BY_CODE: Mapping[str, HubAnswer] = {
    "GatedRepo": "gated",
    "RevisionNotFound": "no_revision",
    "EntryNotFound": "no_file",
    "RepoNotFound": "not_found",
}
_BY_STATUS: Mapping[Any, HubAnswer] = {401: "gated", 403: "gated", 404: "not_found"}
_CONNECTION = (
    "ConnectError",
    "ConnectionError",
    "ProxyError",
    "NetworkError",
    "gaierror",
    "SSLError",
    "LocalEntryNotFoundError",
)
_TIMEOUTS = ("TimeoutException", "Timeout", "TimeoutError")
_BAD_TOKEN = re.compile(
    r"invalid credentials|invalid user token|token\b.{0,60}\b(expired|revoked|is invalid)"
)
_NO_USER = "invalid username or password"
"""The Hub's 401 to all that it does not show to a client without a token; with one, it does not know the token."""


def hub_answer(error: BaseException) -> HubAnswer | None:
    """Return what an error says about the Hub, or None where that is unknown. The client itself is not imported."""
    for each in causes_of(error):
        found = _of_one(each)
        if found is not None:
            return _by_cause(each) if found == "unreachable" else found
    return None


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the last one first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def token_place() -> str | None:
    """Return where the client takes a token from, or None where it has none."""
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return "HF_TOKEN"
    try:
        from huggingface_hub import get_token

        return "the stored token (`hf auth login`)" if isinstance(get_token(), str) else None
    except Exception:  # noqa: BLE001 - without the client, or with another one, no token is known
        return None


def refusal_of(model: str, answer: HubAnswer | None) -> str | None:
    """Return the sentence for an answer with which the Hub refuses a model, None for any other answer."""
    token = token_place()
    if answer == "gated":
        if token is None:
            return f"{model} gated model — no HF_TOKEN → export HF_TOKEN=<your_token>"
        return f"{model} gated model — {token} has no access → ask for it on the model's page, or use another token"
    if answer == "not_found":
        return f"{model} not found on HuggingFace Hub, or private or gated → {_correct(token)}"
    if answer == "bad_token":
        return (
            f"{model}: the Hub refuses {token or 'the token'}, which is expired, revoked or mistyped → "
            "set a valid one, or none (unset HF_TOKEN, `hf auth logout`): a public model needs no token"
        )
    return f"{model} is disabled on the Hub → choose another model" if answer == "disabled" else None


def _correct(token: str | None) -> str:
    if token is None:
        return "correct the id (OWNER/NAME), or export HF_TOKEN=<your_token>"
    return f"correct the id (OWNER/NAME), or ask for access for {token}"


def _of_one(error: BaseException) -> HubAnswer | None:
    names = {each.__name__ for each in type(error).__mro__}
    response = getattr(error, "response", None)
    if response is not None:
        return _of_response(error, names, response)
    found = _by_class(names)
    if found is not None:
        return found
    if names.intersection(_TIMEOUTS):
        return "timeout"
    return "unreachable" if names.intersection(_CONNECTION) else None


def _by_class(names: set[str]) -> HubAnswer | None:
    return next((answer for name, answer in _BY_CLASS if name in names), None)


def _of_response(error: BaseException, names: set[str], response: Any) -> HubAnswer | None:
    status = getattr(response, "status_code", None)
    headers = _headers(response)
    if status == 429:
        return "rate_limited"
    if isinstance(status, int) and status >= 500:
        return "server_fault"
    if _is_foreign(status, headers):
        return "foreign"
    told = f"{headers.get('x-error-message', '')} {error}".lower()
    if status in (401, 403) and _BAD_TOKEN.search(told):
        return "bad_token"
    if status == 401 and _NO_USER in told:
        return "not_found" if token_place() is None else "bad_token"
    return _by_class(names) or _BY_CODE.get(headers.get("x-error-code", "")) or _BY_STATUS.get(status)


def _headers(response: Any) -> dict[str, str]:
    try:
        return {str(key).lower(): str(value) for key, value in dict(response.headers).items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _is_foreign(status: int | None, headers: Mapping[str, str]) -> bool:
    """The Hub names its errors in headers, and writes JSON; a refusal without either is not its own."""
    if "x-error-code" in headers or "x-error-message" in headers:
        return False
    kind = headers.get("content-type", "")
    return status in (407, 511) or "html" in kind or (status == 403 and bool(headers) and "json" not in kind)


def _by_cause(error: BaseException) -> HubAnswer:
    """Tell a certificate that is not trusted and a proxy that refuses from a network that is not there."""
    causes = list(causes_of(error))
    text = " ".join(f"{type(each).__name__} {each}" for each in causes)
    if re.search(r"CERTIFICATE|SSLError|certificate verify|SSLCert", text):
        return "tls"
    below = next(
        (found for each in causes[1:] if (found := _of_one(each)) not in (None, "unreachable")), None
    )
    return below or "unreachable"
