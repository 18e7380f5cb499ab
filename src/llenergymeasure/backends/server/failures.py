"""Why a request failed, in a few words that can be counted, and which failures end the run."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from contextlib import suppress

from llenergymeasure.backends.base import RequestError
from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.exceptions import BackendError, LLEMError

EARLY = "stream ended early"
NOT_STREAMED = "answer is no stream"
TIMEOUT, REFUSED, NO_NAME = "no answer in time", "connection refused", "name not resolved"
LOST, NO_HTTP, NO_TLS, NO_CONNECTION = "connection lost", "answer is no HTTP", "TLS failed", "no connection"
FULL = frozenset({429, 503})
"""The server is full or starting, and says so before it computes anything."""
REFUSED_KEY = frozenset({401, 403})
LONGEST = 300


def refused(url: str, status: int, told: bytes, *, has_key: bool) -> Exception:
    """Return the error of an answer that is not 200."""
    if status in REFUSED_KEY:
        cause = (
            "does not accept the key in the variable that"
            if has_key
            else "wants a key: export one and name it in"
        )
        return BackendError(
            f"the server at {url} {cause} server.api_key_env{' names' if has_key else ''} (HTTP {status}{quoted(told)})"
        )
    return Refusal(f"HTTP {status}", "rejected" if status in FULL else "error", quoted(told))


class Refusal(RequestError):
    """A request that the server answered with an error; `text` is what it said."""

    def __init__(self, kind: str, status: str, text: str) -> None:
        super().__init__(kind, "rejected" if status == "rejected" else "error")
        self.text = text


def as_failure(error: Exception, ended: Callable[[], str | None]) -> Exception:
    """Return the failure of a request that an exception stands for.

    Where the server was lost and `ended` knows that it runs no longer, no further request can be served.
    """
    if isinstance(error, LLEMError):
        return error
    failure = error if isinstance(error, RequestError) else _of_client(error)
    if failure is None:
        return error
    if failure.kind in (REFUSED, LOST, EARLY, NO_CONNECTION):
        told = ended()
        if told is not None:
            return BackendError(told)
    return failure


def is_lost(error: Exception) -> bool:
    """Whether the server closed a connection, rather than refused one."""
    failure = _of_client(error)
    return failure is not None and failure.kind == LOST


def quoted(told: bytes) -> str:
    """Return what a server says about an error, after a colon; nothing where it says nothing."""
    text = told.decode("utf-8", "replace").strip()
    with suppress(ValueError, AttributeError):  # no JSON, or no object: the text as it is
        document = json.loads(text)
        error = document.get("error", document)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    first = mask_secrets(" ".join(text.split()))[:LONGEST]
    return f": {first}" if first else ""


def _of_client(error: Exception) -> RequestError | None:
    """Return what an exception of aiohttp means; None for what is none of it."""
    import aiohttp

    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return RequestError(TIMEOUT, "timeout")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return RequestError(NO_NAME)
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return RequestError(NO_TLS)
    if isinstance(error, aiohttp.ClientConnectorError):
        return RequestError(REFUSED if error.errno == errno.ECONNREFUSED else NO_CONNECTION)
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.InvalidURL)):
        return RequestError(NO_HTTP)
    if isinstance(error, (aiohttp.ClientError, ConnectionError)):
        return RequestError(LOST)
    return None
