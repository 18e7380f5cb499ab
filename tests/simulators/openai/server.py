"""A stand-in for an OpenAI-compatible server whose times are known; raw asyncio, so that clients are slower than it.

`python -m tests.simulators.openai.server '{"ttft_s": 0.05}' 8000` serves the options of `options.StandInServer`, given
as JSON, on a port (0: any), and prints the port that it has. Paths: `/health`, `/v1/models`, `/v1/completions`,
`/v1/chat/completions`, `/tokenize`, `/reset_prefix_cache`, `/metrics`, and `/truth`: when each request was read and
its first and last chunk were written, on the machine's monotonic clock. A request is known by its `X-Request-Id`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from tests.simulators.openai.answers import HEAD, Answer, Asked, as_json, framed, make_answer, plain, refusal
from tests.simulators.openai.options import StandInServer

PIECES_BEFORE_FAILURE = 2
BODY = b"\r\n\r\n"


class Engine:
    """What all connections share: the cache, the slots, the stall, and when requests were served."""

    def __init__(self, options: StandInServer) -> None:
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.n_requests = 0
        self.n_connections = 0
        self.first_request_s: float | None = None
        self.truth: list[tuple[str, float, float, float]] = []
        self.answer: Callable[[Asked], Answer] = lru_cache(maxsize=4096)(
            lambda asked: make_answer(options, asked)
        )
        self._seen: set[str] = set()
        self._busy = 0
        self._waiting: deque[Stream] = deque()

    def cached_tokens(self, prompt: str, n_tokens: int) -> int:
        """Return how many tokens of a prompt are in the cache, and keep the prompt in it."""
        if not self.options.prefix_cache:
            return 0
        known = prompt in self._seen
        self._seen.add(prompt)
        return n_tokens - 1 if known else 0

    def reset(self) -> bytes:
        """Empty the cache, or say that it cannot."""
        if self.options.lying_reset:
            return as_json(200, {"success": False})
        self._seen.clear()
        return as_json(200, {"success": True})

    def fails(self) -> bool:
        """Count a request, and return whether it fails."""
        number, self.n_requests = self.n_requests, self.n_requests + 1
        self.first_request_s = self.first_request_s or self.loop.time()
        return self.options.failure is not None and number % self.options.fail_every == 0

    def start(self, stream: Stream) -> None:
        """Begin to answer, now or when a slot is free."""
        if self.options.slots is not None and self._busy >= self.options.slots:
            self._waiting.append(stream)
            return
        self._busy += 1
        stream.begin()

    def ended(self) -> None:
        """Free a slot."""
        self._busy -= 1
        if self._waiting:
            self._busy += 1
            self._waiting.popleft().begin()

    def stalled_for(self, now_s: float) -> float:
        """Return how long nothing is sent from now on."""
        if self.options.stall_at_s is None or self.first_request_s is None:
            return 0.0
        start_s = self.first_request_s + self.options.stall_at_s
        return max(start_s + self.options.stall_s - now_s, 0.0) if now_s >= start_s else 0.0


class Stream:
    """One answer that is being sent."""

    def __init__(
        self, engine: Engine, connection: Connection, request_id: str, asked: Asked, fails: bool
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._id = request_id
        self._answer = engine.answer(asked)
        self._failure = engine.options.failure if fails else None
        self._fails_after = min(PIECES_BEFORE_FAILURE, len(self._answer.chunks) - 1)
        options = engine.options
        self._ttft_s = options.ttft_s * (0.1 if asked.cached_tokens else 1.0)
        self._gap_s = options.gap_s
        self._read_s = engine.loop.time()
        self._due_s = self._read_s
        self._first_s = 0.0
        self._sent = 0

    def begin(self) -> None:
        """Send the headers, and plan the first chunk."""
        if self._connection.is_closed():
            self._engine.ended()
            return
        self._connection.write(HEAD + self._answer.opening)
        self._due_s = max(self._due_s, self._engine.loop.time()) + self._ttft_s
        self._plan()

    def _plan(self) -> None:
        self._engine.loop.call_at(self._due_s, self._send)

    def _send(self) -> None:
        now_s = self._engine.loop.time()
        stalled_s = self._engine.stalled_for(now_s)
        if stalled_s > 0:
            self._due_s = now_s + stalled_s
            self._plan()
        elif self._connection.is_closed():
            self._engine.ended()
        elif self._failure is not None and self._sent == self._fails_after:
            self._fail()
        else:
            self._send_chunk(now_s)

    def _send_chunk(self, now_s: float) -> None:
        chunks = self._answer.chunks
        if self._sent == 0:
            self._first_s = now_s
        if self._sent < len(chunks) - 1:
            self._connection.write(chunks[self._sent])
            self._sent += 1
            self._due_s += self._gap_s
            self._plan()
            return
        self._connection.write(b"".join(chunks[self._sent :]) + self._answer.closing)
        self._engine.truth.append((self._id, self._read_s, self._first_s, now_s))
        self._end()

    def _fail(self) -> None:
        if self._failure == "hang":
            return  # and keeps its slot
        if self._failure == "drop":
            self._connection.abort()
        elif self._failure == "malformed":
            self._connection.write(framed(b'data: {"choices": [{"text": "cut\n\n'))
        elif self._failure == "error":
            self._connection.write(
                framed(b'data: {"error": {"message": "the engine is dead", "code": 500}}\n\n')
            )
        self._connection.write(b"0\r\n\r\n")
        self._end()

    def _end(self) -> None:
        self._engine.ended()
        self._connection.answered()


class Connection(asyncio.Protocol):
    """One connection of HTTP/1.1 with one request at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._engine.n_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._read()

    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def answered(self) -> None:
        self._is_busy = False
        if self._buffer:
            self._read()

    def _read(self) -> None:
        end = self._buffer.find(BODY)
        if self._is_busy or end < 0:
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        whole = end + len(BODY) + int(headers.get("content-length", 0))
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end + len(BODY) : whole], self._buffer[whole:]
        self._answer(first.split(" ")[1], headers, body)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> None:
        options = self._engine.options
        is_open = path == "/health" or options.api_key is None
        if not is_open and headers.get("authorization") != f"Bearer {options.api_key}":
            self.write(refusal(401))
        elif path in ("/v1/completions", "/v1/chat/completions"):
            self._generate(path, headers, json.loads(body))
        else:
            self.write(_tokens(body) if path == "/tokenize" else self._other(path))

    def _other(self, path: str) -> bytes:
        engine, options = self._engine, self._engine.options
        model = {"id": options.model, "object": "model", "max_model_len": options.context_limit}
        answers: dict[str, Callable[[], bytes]] = {
            "/health": lambda: plain(200, b"", "text/plain"),
            "/v1/models": lambda: as_json(200, {"object": "list", "data": [model]}),
            "/reset_prefix_cache": engine.reset,
            "/truth": lambda: as_json(200, engine.truth),
            "/metrics": lambda: plain(200, b"stand_in_requests_total %d\n" % engine.n_requests, "text/plain"),
        }
        return answers.get(path, lambda: refusal(404))()

    def _generate(self, path: str, headers: dict[str, str], request: dict[str, Any]) -> None:
        engine = self._engine
        fails = engine.fails()
        failure = engine.options.failure
        if request.get("model") != engine.options.model:
            self.write(refusal(404))
        elif fails and failure is not None and failure.isdigit():
            self.write(refusal(int(failure)))
        else:
            self._is_busy = True
            asked = _asked(path, request, engine)
            engine.start(Stream(engine, self, headers.get("x-request-id", ""), asked, fails))


def _tokens(body: bytes) -> bytes:
    ids = [zlib.crc32(word.encode()) % 30_000 for word in json.loads(body)["prompt"].split()]
    return as_json(200, {"tokens": ids, "count": len(ids)})


def _asked(path: str, request: dict[str, Any], engine: Engine) -> Asked:
    is_chat = path.endswith("/chat/completions")
    prompt = request["messages"][-1]["content"] if is_chat else request["prompt"]
    n_tokens = max(len(prompt.split()) if isinstance(prompt, str) else len(prompt), 1)
    stream_options = request.get("stream_options") or {}
    return Asked(
        is_chat=is_chat,
        prompt_tokens=n_tokens,
        cached_tokens=engine.cached_tokens(str(prompt), n_tokens),
        max_tokens=request.get("max_tokens", 16),
        wants_usage=bool(stream_options.get("include_usage")),
        wants_every_usage=bool(stream_options.get("continuous_usage_stats")),
    )


async def listen(options: StandInServer, port: int = 0) -> tuple[asyncio.Server, int, Engine]:
    """Serve in the running event loop; return the server, its port, and what its connections share."""
    engine = Engine(options)
    server = await engine.loop.create_server(lambda: Connection(engine), "127.0.0.1", port, backlog=4096)
    return server, server.sockets[0].getsockname()[1], engine


async def _serve(options: StandInServer, port: int) -> None:
    server, chosen, _ = await listen(options, port)
    sys.stdout.write(f"{chosen}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        given = StandInServer.from_json(sys.argv[1] if len(sys.argv) > 1 else "{}")
        asyncio.run(_serve(given, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
