"""llama.cpp's own server engine in this process: loaded, asked from threads, ended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from llenergymeasure.backends.llamacpp.local_http import Listener
from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained

P = ParamSpec("P")
T = TypeVar("T")
Take = Callable[[bytes], bool]
"""Takes one message of an answer, JSON as the engine wrote it, in a thread of the engine; True ends the answer."""
WAITING_PER_SLOT = 1
"""Requests that wait inside the engine for each one that is computed: a slot that becomes free is taken at once."""


class Engine:
    """A loaded model with its slots; requests beyond those that the engine holds wait here, in their order."""

    def __init__(self, params: Any, model: str) -> None:
        """Load the model.

        Raises:
            BackendError: with what llama.cpp says, and what to try.
        """
        self._server: Any = _load(params, model)
        self._threads = ThreadPoolExecutor(
            params.n_parallel * (1 + WAITING_PER_SLOT), thread_name_prefix="llamacpp"
        )
        self._listener = Listener(self._server.listening_address, params.api_keys[0])

    def submit(self, call: Callable[P, T], *arguments: P.args, **given: P.kwargs) -> Future[T]:
        """Have `call`, which completes a prompt, done in a thread: as many at a time as the engine holds, in order."""
        return self._threads.submit(call, *arguments, **given)

    def complete(self, body: bytes, take: Take) -> None:
        """Ask for one completion and return when its last message was taken."""
        self._server.handle_completions(body, take)

    def properties(self) -> dict[str, Any]:
        """Return what the engine says of itself: chat template, begin token, slots."""
        return self._listener.get("/props")

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Return the tokens of a text, in which special tokens may be written out."""
        body = {"content": text, "add_special": add_special, "parse_special": True}
        return [int(each) for each in self._listener.post("/tokenize", body)["tokens"]]

    def apply_template(self, text: str, **variables: Any) -> str:
        """Return a text as the only message of a user, in the model's chat template."""
        messages = [{"role": "user", "content": text}]
        return str(self._listener.post("/apply-template", {"messages": messages, **variables})["prompt"])

    def close(self) -> None:
        """End the engine and give its memory back; may be called twice. Nothing is asked any more."""
        self._threads.shutdown(cancel_futures=True)
        self._server = None


def _load(params: Any, model: str) -> Any:
    import xllamacpp

    with _log_kept() as log, explained(lambda cause: _refusal(model, cause, log())):
        return xllamacpp.Server(params)


def _refusal(model: str, cause: str, log: str) -> BackendError:
    """The engine raises one text for all faults, and logs which it is."""
    lines = [line.strip() for line in log.splitlines() if "error" in line.lower() or "fail" in line.lower()]
    told = lines[0].rpartition("error loading model: ")[2] if lines else cause
    if "memory" in log.lower() or "allocate" in log.lower():
        remedy = "lower llamacpp.n_parallel or llamacpp.n_ctx_per_slot, or choose a smaller quantisation"
    else:
        remedy = "pip install --upgrade xllamacpp, or download the model again"
    return BackendError(f"llama.cpp does not load model {model}: {told[:300]} → {remedy}")


@contextmanager
def _log_kept() -> Iterator[Callable[[], str]]:
    """Within the block, keep what is written to standard error: the engine logs there, below Python."""
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)

        def text() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        try:
            yield text
        finally:
            os.dup2(before, 2)
            os.close(before)
