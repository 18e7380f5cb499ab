"""What answers at a URL: the server that was meant, or a sentence that says what it is instead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llenergymeasure.backends.server.process.connect import open_server
from llenergymeasure.backends.server.process.listeners import pids_at
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.backends.server.process.reach import NotReached, problems_of, served_models
from llenergymeasure.exceptions import BackendError
from tests.support.quick_servers import is_alive, quick


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A listener that gives each connection the next of these answers, the last one for ever."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        left = list(answers)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http(status: int, body: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


MODELS = '{"object": "list", "data": [{"id": "org/model-a"}, {"id": "org/model-b", "max_model_len": 512}]}'


def test_the_models_of_a_server_are_read_with_their_context() -> None:
    with answering(http(200, MODELS)) as root:
        found = served_models(f"{root}/v1")
    assert [(model.name, model.context_length) for model in found] == [
        ("org/model-a", None),
        ("org/model-b", 512),
    ]


def test_a_served_name_that_is_wrong_gets_the_nearest_one() -> None:
    with answering(http(200, MODELS)) as root:
        assert problems_of(f"{root}/v1", "org/model-b") == []
        problems = problems_of(f"{root}/v1", "model-b")
    assert problems == [
        f"{root}/v1 does not serve 'model-b', it serves org/model-a, org/model-b (did you mean org/model-b?) → set "
        "model to the served name"
    ]


def test_a_server_without_a_model_says_so() -> None:
    with answering(http(200, '{"object": "list", "data": null}')) as root:
        assert "serves no model → load one" in problems_of(f"{root}/v1", "llama3")[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(200, "<html>It works!</html>", "Server: nginx\r\n"), "(nginx) is no OpenAI-compatible server"),
        (http(200, '{"version": 1}'), "gave status 200, '{\"version\": 1}'"),
        (
            http(404, "no such page"),
            "gave status 404, 'no such page' → set server.url to the root of the API",
        ),
        (
            http(401, "no"),
            "asks for an API key (status 401) → export the key in the variable that server.api_key_env",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what answers does not speak HTTP"),
        (b"", "it closed the connection without an answer"),
    ],
)
def test_something_else_at_the_url_is_said(answer: bytes, said: str) -> None:
    with answering(answer) as root:
        problem = problems_of(f"{root}/v1", "any")[0]
    assert said in problem


def test_a_url_without_its_root_gets_the_right_one() -> None:
    with answering(http(404, "{}"), http(200, MODELS)) as root, pytest.raises(NotReached) as caught:
        served_models(root)
    assert str(caught.value).endswith(f"→ set server.url to {root}/v1")


def test_nothing_at_the_url_is_said_with_what_to_do() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert problems_of(f"http://127.0.0.1:{port}/v1", "any") == [
        f"no server answers at 127.0.0.1:{port}: nothing listens there → start the server first, or let llem do it "
        "(server.preset, server.command)"
    ]


def test_a_server_that_ran_already_runs_on_and_its_processes_are_known(tmp_path: Path) -> None:
    ours = open_server(quick("--children", "1"), model="any", folder=tmp_path)
    try:
        found = open_server(StartOptions(), url=ours.url, model="quick")
        assert found.pids_unknown is None
        assert pids_at(ours.url) == found.pids()
        assert found.pids() < ours.pids()
        found.close()
        assert all(is_alive(pid) for pid in ours.pids())
    finally:
        ours.close()


def test_a_server_of_another_model_is_refused() -> None:
    with answering(http(200, MODELS)) as root, pytest.raises(BackendError, match="does not serve 'x'"):
        open_server(StartOptions(), url=f"{root}/v1", model="x")
