"""A server that is ready in milliseconds and fails as it is told: starts, stops, health, faults; it generates nothing.

`python -S quick_server.py --port 8000` answers /health, /v1/models, /metrics and POST /reset_prefix_cache. Options, all
with a value where one is named:

--model NAME        the name that it serves ("quick"); repeated for several
--healthy-after S   answers 503 for so long
--never-listens     starts, and listens nowhere
--print TEXT        written to standard error at the start
--print-file FILE   the same, with the content of a file
--exit CODE         ends at once with this code, after what it prints
--die-after S       ends with code 1 after so long
--children N        starts so many processes, which leave its process group and session
--stubborn          it and its children ignore SIGINT and SIGTERM
--reset MODE        success (the default), lies (200 with success: false), silent (200 without a body), busy (400), none
--counts FILE       /metrics answers with the content of this file
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time

RESETS = {
    "success": (200, b'{"success": true}'),
    "lies": (200, b'{"success": false}'),
    "silent": (200, b""),
    "busy": (400, b"requests are running"),
    "none": (404, b'{"detail": "Not Found"}'),
}


def main(arguments: list[str]) -> int:
    """Do as the options say."""
    given = _parsed(arguments)
    if "--unheard-of" in given:
        os.write(2, b"quick_server.py: error: unrecognized arguments: --unheard-of\n")
        return 2
    if "--stubborn" in given:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    for text in given.get("--print", []):
        os.write(2, text.encode() + b"\n")
    for file in given.get("--print-file", []):
        with open(file, "rb") as content:
            os.write(2, content.read())
    for _ in range(int(given.get("--children", ["0"])[0])):
        _start_child()
    if "--exit" in given:
        return int(given["--exit"][0])
    die_at = time.monotonic() + float(given.get("--die-after", ["1e6"])[0])
    if "--never-listens" in given:
        time.sleep(max(die_at - time.monotonic(), 0.0))
        return 1
    try:
        return _serve(given, die_at)
    except KeyboardInterrupt:
        return 0


def _parsed(arguments: list[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    name = ""
    for part in arguments:
        if part.startswith("--"):
            name = part
            given.setdefault(name, [])
        else:
            given[name].append(part)
    return given


def _start_child() -> None:
    """A process of a process that ends at once, in a session of its own: an orphan outside of the group."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        while True:
            time.sleep(3600)
    os.wait()


def _serve(given: dict[str, list[str]], die_at: float) -> int:
    healthy_at = time.monotonic() + float(given.get("--healthy-after", ["0"])[0])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(given["--port"][0])))
        except OSError as error:
            os.write(
                2, f"[Errno {error.errno}] error while attempting to bind: address already in use\n".encode()
            )
            return 1
        listener.listen(64)
        while time.monotonic() < die_at:
            if select.select([listener], [], [], min(die_at - time.monotonic(), 60.0))[0]:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(_answer(connection.recv(1 << 16), given, healthy_at))
    return 1


def _answer(request: bytes, given: dict[str, list[str]], healthy_at: float) -> bytes:
    method, path = request.split(maxsplit=2)[:2]
    status, body = 404, b'{"detail": "Not Found"}'
    route = path.partition(b"?")[0]
    if route == b"/health":
        status, body = (200, b"ok") if time.monotonic() >= healthy_at else (503, b"loading")
    elif route == b"/v1/models":
        names = given.get("--model", ["quick"])
        entries = ", ".join(f'{{"id": "{name}", "object": "model", "max_model_len": 2048}}' for name in names)
        status, body = 200, f'{{"object": "list", "data": [{entries}]}}'.encode()
    elif route == b"/metrics" and "--counts" in given:
        with open(given["--counts"][0], "rb") as file:
            status, body = 200, file.read()
    elif route == b"/reset_prefix_cache" and method == b"POST":
        status, body = RESETS[given.get("--reset", ["success"])[0]]
    head = f"HTTP/1.1 {status} X\r\nServer: quick\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
