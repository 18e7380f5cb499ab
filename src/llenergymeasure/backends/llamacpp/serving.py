"""Requests through the engine: many at once, or one as a stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

from llenergymeasure.backends.base import Chunk, Done, RequestError, ScheduledRequest
from llenergymeasure.backends.llamacpp.answers import AnswerReader, as_record
from llenergymeasure.backends.llamacpp.engine import Engine
from llenergymeasure.core.clock import Clock

Body = Callable[[ScheduledRequest], bytes]
Messages = asyncio.Queue["tuple[int, bytes] | None"]


class Serving:
    """Takes the time of each message in the thread in which the engine hands it over, before the message is read."""

    def __init__(self, engine: Engine, clock: Clock, body: Body) -> None:
        self._engine = engine
        self._clock = clock
        self._body = body
        self._in_flight: set[Future[None]] = set()
        self._open_streams = 0

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Serve the requests in their order; where one cannot be reported, the rest ends with its next tokens."""
        stop = threading.Event()
        answers = [self._engine.submit(self._serve, request, done, stop) for request in requests]
        try:
            for answer in answers:
                answer.result()
        except BaseException:
            stop.set()
            for answer in answers:
                answer.cancel()
            wait(answers)
            raise

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """Yield the messages of one answer; when the stream is given up, the answer ends with its next token."""
        loop, given_up = asyncio.get_running_loop(), threading.Event()
        messages: Messages = asyncio.Queue()

        def take(data: bytes) -> bool:
            unix_ns = self._clock.now_ns()
            if not given_up.is_set():
                loop.call_soon_threadsafe(messages.put_nowait, (unix_ns, data))
            return given_up.is_set()

        # The moment from which its wait is counted lies before any message.
        reader = AnswerReader(request.encoded.prompt_tokens, self._clock.now_ns())
        answer = self._engine.submit(self._engine.complete, self._body(request), take)
        self._watch(answer)
        ended = asyncio.wrap_future(answer)
        ended.add_done_callback(lambda _: messages.put_nowait(None))
        self._open_streams += 1
        try:
            while (message := await messages.get()) is not None:
                chunk = reader.read(*message)
                if chunk is not None:
                    yield chunk
            _raise_failure(ended)
            reader.close()
        finally:
            self._open_streams -= 1
            given_up.set()
            ended.cancel()

    def wait_until_idle(self) -> None:
        """Return when the engine has ended the answers of streams that were given up; at once while one is open."""
        if not self._open_streams:
            wait(set(self._in_flight))

    def _serve(self, request: ScheduledRequest, done: Done, stop: threading.Event) -> None:
        messages: list[tuple[int, bytes]] = []

        def take(data: bytes) -> bool:
            messages.append((self._clock.now_ns(), data))
            return stop.is_set()

        sent_unix_ns, failure = self._clock.now_ns(), None
        try:
            self._engine.complete(self._body(request), take)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises is this request's failure
            failure = RequestError(type(error).__name__)
        closed_unix_ns = self._clock.now_ns()
        done(as_record(request, sent_unix_ns, messages, closed_unix_ns, failure, stopped=stop.is_set()))

    def _watch(self, answer: Future[None]) -> None:
        self._in_flight.add(answer)
        answer.add_done_callback(self._in_flight.discard)


def _raise_failure(ended: asyncio.Future[Any]) -> None:
    error = ended.exception()
    if error is not None:
        raise RequestError(type(error).__name__) from error
