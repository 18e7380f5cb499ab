"""The HTTP client of one event loop: many streams at once, each message with the time at which it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from llenergymeasure.backends.base import Chunk, RequestError
from llenergymeasure.backends.server.failures import EARLY, NOT_STREAMED, as_failure, is_lost, refused
from llenergymeasure.backends.server.messages import DONE, MessageReader
from llenergymeasure.backends.server.sse import EventReader
from llenergymeasure.core.clock import Clock

if TYPE_CHECKING:
    import aiohttp

KEEP_ALIVE_S = 4.0
"""An idle connection is given up before a server does so, uvicorn after 5 s: a request that meets the closing fails."""
CONNECTS_WITHIN_S = 30.0
CLOSES_WITHIN_S = 1.0
"""How long after `[DONE]` the stream may stay open; then the connection is given up."""
READ_AT_ONCE_NS = 250_000_000
"""A request that is lost later than that may have been read."""
MOST_STALE = 3
"""After so many requests that met a closed connection, each request gets a connection of its own."""
QUOTED_BYTES = 2000
"""Of the text with which a server refuses."""


class Target(Protocol):
    """The server of a client."""

    @property
    def url(self) -> str:
        """The root of its API, without a slash at the end."""
        ...

    def ended(self) -> str | None:
        """Return what became of a server that we started and that runs no longer; None where nothing is known."""
        ...


class StreamClient:
    """Sends requests and reads their streams; its connections live as long as the event loop that it is used in."""

    def __init__(
        self,
        target: Target,
        *,
        path: str,
        api_key: str | None,
        timeout_s: float,
        clock: Clock,
        new_reader: Callable[[], MessageReader],
    ) -> None:
        self._target = target
        self._path = path
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._clock = clock
        self._new_reader = new_reader
        self._life: AsyncGenerator[_Session, None] | None = None
        self._current: _Session | None = None

    async def stream(self, body: bytes, request_id: str) -> AsyncIterator[Chunk]:
        """Send one request and yield its messages.

        Raises:
            RequestError: this request failed.
            BackendError: no further request can be served: the server refuses the key, or has ended.
        """
        session = await self._session()
        try:
            async with await self._answer(session, body, request_id) as response:
                await self._check(response)
                events, reader, now_ns = EventReader(), self._new_reader(), self._clock.now_ns
                while received := await response.content.readany():
                    arrived_ns = now_ns()
                    for data in events.feed(received):
                        if data == DONE:
                            await _read_to_the_end(response)
                            return
                        yield reader.read(data, arrived_ns)
                for data in events.rest():
                    if data == DONE:
                        return
                    yield reader.read(data, now_ns())
                if not reader.is_finished:
                    raise RequestError(EARLY)
        except Exception as error:
            raise as_failure(error, self._target.ended) from error

    async def connect(self, n_connections: int) -> None:
        """Open connections before the first request is due; where that fails, the requests will say why."""
        session = await self._session()
        await asyncio.gather(*(session.touch() for _ in range(n_connections)), return_exceptions=True)

    async def aclose(self) -> None:
        """Close the connections, in the event loop that they are used in."""
        life, self._life, self._current = self._life, None, None
        if life is not None:
            await life.aclose()

    async def _answer(self, session: _Session, body: bytes, request_id: str) -> aiohttp.ClientResponse:
        """Send a request and return the beginning of its answer.

        A server may close a connection after an answer, with no word of it before (llama.cpp after each stream). A
        request that is sent meanwhile was not read; it is sent again, over a new connection.
        """
        give_up_ns = self._clock.now_ns() + READ_AT_ONCE_NS
        while True:
            may_be_stale = session.keeps()
            try:
                response: aiohttp.ClientResponse = await session.post(body, request_id)
                return response
            except Exception as error:
                if not (may_be_stale and is_lost(error)) or self._clock.now_ns() > give_up_ns:
                    raise
                session.note_stale()

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 200:
            told = await response.content.read(QUOTED_BYTES)
            raise refused(self._target.url, response.status, told, has_key=self._api_key is not None)
        if response.content_type != "text/event-stream":
            raise RequestError(NOT_STREAMED)

    async def _session(self) -> _Session:
        """Return the session of the running loop; the loop ends it when it shuts its asynchronous generators down."""
        current = self._current
        if current is None or current.loop is not asyncio.get_running_loop():
            self._life = _session_life(self._target.url, self._path, self._api_key, self._timeout_s)
            current = self._current = await self._life.__anext__()  # nothing is awaited until then
        return current


class _Session:
    """The connections of one event loop: kept for the next request, or one for each where the server closes them."""

    def __init__(
        self, keeping: aiohttp.ClientSession, closing: aiohttp.ClientSession, url: str, path: str
    ) -> None:
        from yarl import URL

        self.loop = asyncio.get_running_loop()
        self._keeping = keeping
        self._closing = closing
        self._stale = 0
        self._endpoint = URL(url + path, encoded=True)
        self._models = URL(url + "/models", encoded=True)

    def keeps(self) -> bool:
        """Whether connections are used for several requests."""
        return self._stale < MOST_STALE

    def note_stale(self) -> None:
        """Count a connection that was closed while a request was sent."""
        self._stale += 1

    def post(self, body: bytes, request_id: str) -> Any:
        session = self._keeping if self.keeps() else self._closing
        return session.post(
            self._endpoint, data=body, headers={"X-Request-Id": quote(request_id)}, allow_redirects=False
        )

    async def touch(self) -> None:
        """Open a connection, and leave it open."""
        async with self._keeping.get(self._models) as response:
            await response.read()


async def _session_life(
    url: str, path: str, api_key: str | None, timeout_s: float
) -> AsyncGenerator[_Session, None]:
    async with (
        _new_session(api_key, timeout_s, keepalive_timeout=KEEP_ALIVE_S) as keeping,
        _new_session(api_key, timeout_s, force_close=True) as closing,
    ):
        yield _Session(keeping, closing, url, path)


def _new_session(api_key: str | None, timeout_s: float, **connections: Any) -> aiohttp.ClientSession:
    import aiohttp

    headers = {
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None, **connections),
        timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECTS_WITHIN_S),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


async def _read_to_the_end(response: aiohttp.ClientResponse) -> None:
    """Leave the connection ready for the next request; what a server sends after its answer is nothing."""
    timer = asyncio.get_running_loop().call_later(CLOSES_WITHIN_S, response.close)
    try:
        while await response.content.readany():
            pass
    except Exception:  # noqa: BLE001 - the answer is whole
        response.close()
    finally:
        timer.cancel()
