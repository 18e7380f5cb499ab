"""A local stand-in for the Hugging Face Hub: answers its client as the Hub does, or as what may stand before it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HTML = "<html><body>Please log in</body></html>"


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


def refusal(status: int, code: str = "", message: str = "") -> Answer:
    """Return an error as the Hub words it: JSON, and what it means in two headers."""
    told = {"X-Error-Code": code, "X-Error-Message": message}
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        **{key: value for key, value in told.items() if value},
    }
    return Answer(status, headers, json.dumps({"error": message or "refused"}))


MISSPELT = refusal(401, message="Invalid username or password.")
"""What the Hub says of a repository that does not exist to a client without a token."""
MISSPELT_WITH_TOKEN = refusal(404, "RepoNotFound", "Repository not found")
BAD_TOKEN = refusal(401, message="Invalid credentials in Authorization header")
EXPIRED_TOKEN = refusal(401, message='User Access Token "mine" is expired')
GATED = refusal(401, "GatedRepo", "Access to model org/gated is restricted.")
NOT_GRANTED = refusal(
    403, "GatedRepo", "Access to model org/gated is restricted and you are not in the authorized list."
)
WEB_FILTER = Answer(403, {"Content-Type": "text/html"}, HTML)
PROXY = Answer(407, {"Content-Type": "text/plain", "Proxy-Authenticate": "Basic"}, "log in to the proxy")
LOGIN_PAGE = Answer(200, {"Content-Type": "text/html"}, HTML)
RATE_LIMIT = refusal(429, message="You are sending too many requests")
FAULT = Answer(503, {"Content-Type": "text/html"}, HTML)
NO_REVISION = refusal(404, "RevisionNotFound", "Invalid rev id: nope")
NO_FILE = refusal(404, "EntryNotFound", "Entry not found")


@contextmanager
def hub(
    model_info: Answer | None = None,
    files: Answer | None = None,
    *,
    folder: Path | None = None,
    breaks_off: str = "none",
) -> Iterator[str]:
    """Serve on this machine and yield the address; without an answer the model is there, with empty files.

    With a folder it is that model; the connection breaks in the middle of a file whose name has `breaks_off` in it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def _answer(self) -> None:
            answer = self._chosen()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            body = answer.body.encode("latin-1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if breaks_off in self.path else body)

        def _chosen(self) -> Answer:
            if "/tree/" in self.path:
                return model_info or self._tree(folder)
            if self.path.startswith("/api/"):
                name = self.path.removeprefix("/api/models/")
                found = {
                    "id": name,
                    "modelId": name,
                    "sha": COMMIT,
                    "siblings": [],
                    "tags": [],
                    "private": False,
                }
                return model_info or Answer(200, {"Content-Type": "application/json"}, json.dumps(found))
            return files or model_info or self._file(folder)

        def _tree(self, folder: Path | None) -> Answer:
            if folder is None or "/tree/main/" in self.path:
                return NO_FILE
            files = [
                {"type": "file", "path": each.name, "size": each.stat().st_size, "oid": "0"}
                for each in folder.iterdir()
            ]
            return Answer(200, {"Content-Type": "application/json"}, json.dumps(files))

        def _file(self, folder: Path | None) -> Answer:
            found = {"ETag": f'"{abs(hash(self.path))}"', "X-Repo-Commit": COMMIT}
            if folder is None:
                return Answer(200, found, "{}")
            file = folder / self.path.partition("/resolve/")[2].partition("/")[2]
            return Answer(200, found, file.read_bytes().decode("latin-1")) if file.is_file() else NO_FILE

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
