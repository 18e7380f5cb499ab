"""Single requests to a server, outside of every window: health, models, counters, the reset of its cache."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

MOST_BYTES = 16 << 20
"""Of an answer that is read; counters of a large server take a megabyte."""
QUOTED = 200
"""Characters of an answer that a message quotes."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    server: str | None
    """What it says of itself in the header `Server`."""

    def json(self) -> Any:
        """Return the content; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def quoted(self) -> str:
        """Return its first line, for a message."""
        lines = self.body.decode("utf-8", "replace").strip().splitlines()
        return (lines[0] if lines else "nothing")[:QUOTED]


class NoAnswer(Exception):
    """Why a server did not answer: one sentence without the address."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused
        """Nothing listens there."""


def ask(
    url: str,
    *,
    method: str = "GET",
    api_key: str | None = None,
    timeout_s: float = 10.0,
    body: bytes | None = None,
) -> Answer:
    """Send one request, with JSON as its body or none, and return the answer, whatever its status.

    Redirects are not followed. Proxies of the environment are not used.

    Raises:
        NoAnswer: there was none.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Accept": "*/*", **({"Authorization": f"Bearer {api_key}"} if api_key else {})}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = None
    try:
        connection = _connection(parts, timeout_s)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(
            status=response.status, body=response.read(MOST_BYTES), server=response.getheader("Server")
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _no_answer(error, timeout_s) from error
    finally:
        if connection is not None:
            connection.close()


def _connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


def _no_answer(error: Exception, timeout_s: float) -> NoAnswer:
    if isinstance(error, ConnectionRefusedError):
        return NoAnswer("nothing listens there", refused=True)
    if isinstance(error, TimeoutError):
        return NoAnswer(f"it did not answer within {timeout_s:g} s")
    if isinstance(error, ssl.SSLError):
        return NoAnswer(f"no secure connection: {error.reason or error}")
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return NoAnswer("it closed the connection without an answer")
    if isinstance(error, http.client.HTTPException):
        return NoAnswer("what answers does not speak HTTP")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NoAnswer(reason)
