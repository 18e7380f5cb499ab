"""Questions to the engine that only its own listener on this machine answers; none within a window."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from llenergymeasure.exceptions import BackendError

TIMEOUT_S = 120.0


class Listener:
    """The HTTP listener of the engine in this process; a connection for each question."""

    def __init__(self, address: str, key: str) -> None:
        where = urlsplit(address)
        self._host, self._port = where.hostname or "", where.port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question.

        Raises:
            BackendError: there is none, or it is an error.
        """
        return self._ask("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> dict[str, Any]:
        """As `post`, without a body."""
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        try:
            with closing(http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)) as connection:
                connection.request(method, path, body, self._headers)
                answer = connection.getresponse()
                content = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise BackendError(
                f"llama.cpp does not answer {path}: {type(error).__name__}: {error}"
            ) from error
        if answer.status != http.client.OK or not isinstance(content, dict):
            raise BackendError(f"llama.cpp refuses {path}: {_text(content)}")
        return content


def _text(content: Any) -> str:
    """Return what an error object of llama.cpp says."""
    error = content.get("error", content) if isinstance(content, dict) else content
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
