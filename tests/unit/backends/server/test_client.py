"""The client of a server: what it records of a stream, and of every way in which a request fails."""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing
from typing import Any

import pytest

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.backends.server.client import StreamClient
from llenergymeasure.backends.server.messages import MessageReader
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.exceptions import BackendError
from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import standin_in_loop

BODY = b'{"model": "stand-in", "prompt": "Why is that?", "max_tokens": 100, "stream_options": {"include_usage": true}}'


class Target:
    """A server that nobody here has started."""

    def __init__(self, url: str, ended: str | None = None) -> None:
        self.url = url
        self._ended = ended

    def ended(self) -> str | None:
        return self._ended


def _client(url: str, ended: str | None = None, **other: Any) -> StreamClient:
    settings = {"path": "/completions", "api_key": None, "timeout_s": 10.0, "clock": AnchoredClock()}
    reader = {"new_reader": lambda: MessageReader(())}
    return StreamClient(Target(url, ended), **{**settings, **reader, **other})


async def _read(client: StreamClient) -> list[Chunk]:
    return [chunk async for chunk in client.stream(BODY, "r0.p0.a/b\n")]


def _served(options: StandInServer, n_requests: int = 1, **other: Any) -> list[list[Chunk]]:
    async def work() -> list[list[Chunk]]:
        async with standin_in_loop(options) as server, aclosing(_client(server.url, **other)) as client:
            return [await _read(client) for _ in range(n_requests)]

    return asyncio.run(work())


def test_messages_have_the_times_at_which_they_came() -> None:
    (chunks,) = _served(StandInServer(ttft_s=0.05, gap_s=0.02, n_chunks=5))
    times = [chunk.unix_ns for chunk in chunks if chunk.tokens]
    assert times[-1] - times[0] == pytest.approx(80e6, rel=0.5)
    assert len(times) == 5


def test_one_connection_serves_one_request_after_the_other() -> None:
    async def work() -> int | None:
        async with standin_in_loop() as server, aclosing(_client(server.url)) as client:
            for _ in range(3):
                await _read(client)
            return server.engine and server.engine.n_connections

    assert asyncio.run(work()) == 1


def test_connections_are_opened_before_the_first_request() -> None:
    async def work() -> tuple[int, int]:
        options = StandInServer(ttft_s=0.05)
        async with standin_in_loop(options) as server, aclosing(_client(server.url)) as client:
            assert server.engine is not None
            await client.connect(7)
            opened = server.engine.n_connections
            await asyncio.gather(*(_read(client) for _ in range(7)))
            return opened, server.engine.n_connections

    assert asyncio.run(work()) == (7, 7)


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        ("429", "HTTP 429", "rejected"),
        ("503", "HTTP 503", "rejected"),
        ("500", "HTTP 500", "error"),
        ("400", "HTTP 400", "error"),
        ("drop", "connection lost", "error"),
        ("malformed", "malformed message", "error"),
        ("error", "error in the stream", "error"),
        ("early", "stream ended early", "error"),
        ("hang", "no answer in time", "timeout"),
    ],
)
def test_a_failure_is_counted_by_its_kind_and_the_next_request_is_served(
    failure: Any, kind: str, status: str
) -> None:
    options = StandInServer(failure=failure, fail_every=2, n_chunks=4)

    async def work() -> tuple[RequestError, list[Chunk]]:
        async with (
            standin_in_loop(options) as server,
            aclosing(_client(server.url, timeout_s=0.3)) as client,
        ):
            with pytest.raises(RequestError) as error:
                await _read(client)
            return error.value, await _read(client)

    error, answer = asyncio.run(work())
    assert (error.kind, error.status) == (kind, status)
    assert sum(chunk.tokens for chunk in answer) == 4


def test_what_came_before_a_failure_was_yielded() -> None:
    seen: list[Chunk] = []

    async def read(client: StreamClient) -> None:
        async for chunk in client.stream(BODY, "a"):
            seen.append(chunk)  # noqa: PERF401 - what came before the failure is kept

    async def work() -> None:
        options = StandInServer(failure="drop")
        async with standin_in_loop(options) as server, aclosing(_client(server.url)) as client:
            with pytest.raises(RequestError):
                await read(client)

    asyncio.run(work())
    assert sum(chunk.tokens for chunk in seen) == 2


def test_a_port_where_nothing_listens_refuses_the_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(RequestError, match="connection refused"):
            asyncio.run(_read(_client(url)))


def test_a_name_that_does_not_exist_is_said_to_be_one() -> None:
    with pytest.raises(RequestError, match="name not resolved"):
        asyncio.run(_read(_client("http://no-such-host.invalid:80/v1")))


def test_a_server_of_ours_that_has_ended_ends_the_run_with_its_last_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(BackendError, match="out of memory"):
            asyncio.run(_read(_client(url, ended="the server ended: out of memory")))


@pytest.mark.parametrize(
    ("key", "said"),
    [(None, "wants a key: export one and name it"), ("wrong-0123", "does not accept the key")],
)
def test_a_missing_or_wrong_key_ends_the_run_with_one_message_that_has_no_key(
    key: str | None, said: str
) -> None:
    with pytest.raises(BackendError, match=said) as error:
        _served(StandInServer(api_key="right-0123"), api_key=key)
    assert "0123" not in str(error.value)


def test_the_right_key_is_sent() -> None:
    (chunks,) = _served(StandInServer(api_key="right-0123"), api_key="right-0123")
    assert sum(chunk.tokens for chunk in chunks) == 16


def test_something_that_is_no_server_of_http_is_said_to_be_none() -> None:
    async def work() -> None:
        async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example.org ESMTP\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with aclosing(_client(f"http://127.0.0.1:{port}/v1")) as client:
                with pytest.raises(RequestError, match="no HTTP"):
                    await _read(client)

    asyncio.run(work())


def test_a_stream_that_stays_open_after_its_end_is_an_answer() -> None:
    async def work() -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            writer.write(b'data: {"choices": [{"text": "a", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')
            await writer.drain()
            await asyncio.sleep(30)

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with aclosing(_client(f"http://127.0.0.1:{port}/v1")) as client:
            chunks = await _read(client)
        server.close()
        return sum(chunk.tokens for chunk in chunks)

    assert asyncio.run(work()) == 1


def test_a_request_that_meets_a_connection_as_it_is_closed_is_sent_again() -> None:
    requests: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        requests.append(len(requests))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        data = b'data: {"choices": [{"text": "a", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        await reader.read(1)  # the next request, of which nothing is answered
        writer.close()

    async def work() -> list[int]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with aclosing(_client(f"http://127.0.0.1:{port}/v1")) as client:
            tokens = [sum(chunk.tokens for chunk in await _read(client)) for _ in range(12)]
        server.close()
        return tokens

    assert asyncio.run(work()) == [1] * 12
    assert len(requests) == 12
