"""Servers that are started and ended: real processes, ready in milliseconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from llenergymeasure.backends.server.presets import PRESETS, Preset
from llenergymeasure.backends.server.process import command
from llenergymeasure.backends.server.process.command import start_problems
from llenergymeasure.backends.server.process.connect import ConnectedServer, open_server
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.exceptions import BackendError
from tests.support.quick_servers import is_alive, is_free, open_files, quick

STARTS_A_SERVER = """
import sys, time
from pathlib import Path
from llenergymeasure.backends.server.process.connect import open_server
from tests.support.quick_servers import quick
server = open_server(quick("--children", "2", "--stubborn"), model="any", folder=Path(sys.argv[1]))
print(*sorted(server.pids()), flush=True)
time.sleep(60)
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[ConnectedServer]]:
    servers: list[ConnectedServer] = []
    yield servers
    for server in servers:
        server.close()


def start(options: StartOptions, folder: Path) -> ConnectedServer:
    return open_server(options, model="any", folder=folder)


def port_of(server: ConnectedServer) -> int:
    return int(server.url.rsplit(":", 1)[1].partition("/")[0])


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(is_alive(pid) for pid in pids):
        time.sleep(0.02)
    return [pid for pid in pids if is_alive(pid)]


def failure(options: StartOptions, folder: Path) -> str:
    with pytest.raises(BackendError) as caught:
        start(options, folder)
    return str(caught.value)


def test_a_started_server_is_ready_and_named_by_its_own_list(
    tmp_path: Path, opened: list[ConnectedServer]
) -> None:
    server = start(quick("--model", "served"), tmp_path)
    opened.append(server)
    assert (server.served_name, server.context_limit) == ("served", 2048)
    assert server.ended() is None
    assert server.log_path == tmp_path / "server.log"


def test_health_is_waited_for(tmp_path: Path, opened: list[ConnectedServer]) -> None:
    begin = time.monotonic()
    opened.append(start(quick("--healthy-after", "0.4"), tmp_path))
    assert time.monotonic() - begin >= 0.4


def test_processes_that_left_the_group_are_known_and_end_too(tmp_path: Path) -> None:
    server = start(quick("--children", "3"), tmp_path)
    pids = sorted(server.pids())
    assert len(pids) == 5  # the guard, the server, three orphans
    server.close()
    assert wait_until_gone(pids, 10.0) == []
    assert is_free(port_of(server))


def test_a_log_that_nobody_asked_for_is_removed() -> None:
    server = open_server(quick(), model="any")
    log = server.log_path
    assert log is not None
    assert log.exists()
    server.close()
    assert not log.parent.exists()


def test_closing_twice_is_closing(tmp_path: Path) -> None:
    server = start(quick(), tmp_path)
    pids = server.pids()
    server.close()
    server.close()
    assert pids
    assert wait_until_gone(pids, 10.0) == []


def test_a_killed_worker_takes_even_a_stubborn_server_with_it(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", STARTS_A_SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 4
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert wait_until_gone(pids, 20.0) == []


def test_a_killed_guard_takes_the_server_with_it_and_is_said(tmp_path: Path) -> None:
    server = start(quick(), tmp_path)
    pids = sorted(server.pids())
    launched = server._launched
    assert launched is not None
    os.kill(launched._guard.pid, signal.SIGKILL)
    assert wait_until_gone(pids, 10.0) == []
    assert "the server was ended from outside" in (server.ended() or "")
    server.close()


def test_a_server_that_dies_later_says_how_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = start(quick("--die-after", "0.3", "--print", "so long"), tmp_path)
    while (ended := server.ended()) is None:
        time.sleep(0.02)
    assert ended.splitlines()[0] == "the server ended with code 1: so long"
    assert ended.endswith("The end of its log:\nso long")
    server.close()


def test_an_engine_without_memory_is_said_while_its_server_lives(
    tmp_path: Path, opened: list[ConnectedServer]
) -> None:
    server = start(
        quick("--print", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"), tmp_path
    )
    opened.append(server)
    assert "the server ran out of memory: it ran out of memory → end other programs" in (server.ended() or "")


def test_one_that_is_never_ready_is_ended_in_time_with_its_last_answer(tmp_path: Path) -> None:
    message = failure(quick("--healthy-after", "60", startup_timeout_s=0.3), tmp_path)
    assert "the server was not ready within 0.3 s (server.startup_timeout_s)" in message
    assert "gave status 503, 'loading'" in message


def test_one_that_never_listens_is_ended_in_time(tmp_path: Path) -> None:
    message = failure(quick("--never-listens", "--print", "thinking", startup_timeout_s=0.3), tmp_path)
    assert "nothing listens there" in message
    assert message.endswith("The end of its log:\nthinking")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory.", "ran out of memory → end other programs on the GPU"),
        (
            "llama_model_load: error loading model: unknown model architecture: 'x'",
            "engine cannot load the model",
        ),
        ("api_server.py: error: unrecognized arguments: --tp", "does not know one of its arguments"),
        ("/usr/bin/python: No module named vllm", "a Python module is missing → set server.python"),
    ],
)
def test_one_that_ends_at_its_start_says_why(line: str, said: str, tmp_path: Path) -> None:
    message = failure(quick("--print", line, "--exit", "1"), tmp_path)
    assert message.startswith("the server ended with code 1: ")
    assert said in message.splitlines()[0]
    assert line in message


def test_the_end_of_a_log_shows_no_secret(tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    printed.write_text("args: api_key=sk-abcdefghijklmnop1234567\n")
    message = failure(quick("--print-file", str(printed), "--exit", "3"), tmp_path)
    assert "api_key=***" in message
    assert "sk-" not in message


def test_an_older_release_is_started_without_what_it_does_not_know(
    tmp_path: Path, opened: list[ConnectedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(
        PRESETS["vllm"], command=quick().command, optional_arguments=("--unheard-of",), cold_arguments=()
    )
    monkeypatch.setitem(cast("dict[str, Preset]", PRESETS), "vllm", row)
    server = start(StartOptions(preset="vllm", startup_timeout_s=10.0), tmp_path)
    opened.append(server)
    assert server.ended() is None
    assert "unrecognized arguments: --unheard-of" in (tmp_path / "server.log").read_text()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    message = failure(StartOptions(command=("llem-no-such-program", "{port}")), tmp_path)
    assert "llem-no-such-program, is not found on this machine → install it" in message


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "server"
    broken.write_text("no program")
    broken.chmod(0o755)
    message = failure(StartOptions(command=(str(broken), "{port}")), tmp_path)
    assert message.startswith(
        f"the server cannot be started: {broken}: Exec format error → check server.command"
    )


def test_a_port_in_use_is_refused_before_anything_is_started() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        problems = start_problems(quick(port=port))
    assert len(problems) == 1
    assert f"port {port} is in use by " in problems[0]
    assert f"(pid {os.getpid()})" in problems[0]


def test_another_program_that_takes_the_port_meanwhile_is_not_taken_for_the_server(
    tmp_path: Path, opened: list[ConnectedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = start(quick(), tmp_path)
    opened.append(other)
    taken = port_of(other)
    monkeypatch.setattr(command, "free_port", lambda: taken)  # as the system gave it a moment before
    message = failure(quick("--never-listens"), tmp_path)
    assert f"the server was to listen on port {taken}, and another program answers there: python" in message


def test_a_hundred_starts_and_stops_leave_nothing(tmp_path: Path) -> None:
    files = open_files()

    def once(number: int) -> tuple[list[int], int]:
        folder = tmp_path / str(number)
        folder.mkdir()
        server = start(quick("--children", "1"), folder)
        pids, port = sorted(server.pids()), port_of(server)
        server.close()
        return pids, port

    with ThreadPoolExecutor(max_workers=4) as pool:
        done = list(pool.map(once, range(100)))
    assert [pid for pids, _ in done for pid in pids if is_alive(pid)] == []
    assert [port for _, port in done if not is_free(port)] == []
    assert open_files() <= files
