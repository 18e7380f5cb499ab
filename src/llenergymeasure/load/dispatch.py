"""Requests sent when they are due: the hot path of loads with times of their own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llenergymeasure.backends.base import OnlineBackend, ScheduledRequest
from llenergymeasure.config.load import OpenLoad, ReplayLoad
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.load.base import DriverInputs
from llenergymeasure.load.in_flight import InFlight, Patience
from llenergymeasure.load.planning.timetable import Timetable
from llenergymeasure.load.schedule import Turns

PATIENCE = Patience(failures=10, seconds=3.0)
"""When the backend counts as dead. Failures alone would not do: at a high rate ten of them come in a moment."""
YIELD_EVERY = 32
"""Sessions that are begun before others of the event loop have their turn, where many are due at once."""
DRAIN_S = 120.0
"""How long the requests in flight at the end may take; longer than a client waits for most answers."""
NOT_SENT = "NotSent"
"""Kind of the requests that were due and never sent: the client was late, or `max_in_flight` was reached."""


class Dispatch:
    """Begins each session of the present stream when it is due; its coroutines run in one event loop."""

    def __init__(self, load: OpenLoad | ReplayLoad, inputs: DriverInputs, backend: OnlineBackend) -> None:
        self._clock = inputs.clock
        self._think_time_s = load.think_time_s
        self._slots = None if load.max_in_flight is None else asyncio.Semaphore(load.max_in_flight)
        self._stream: Timetable | None = None
        self._earlier_repeat = -1
        self._sender: asyncio.Task[None] | None = None
        self.requests = InFlight(backend, inputs.clock, PATIENCE)

    async def switch_to(self, stream: Timetable) -> None:
        """Begin with a stream now; what was due of the one before is sent, the rest of it is not."""
        now_ns = self._clock.now_ns()
        await self._stop_sending()
        if self._stream is not None:
            self._begin_due(self._stream, now_ns)
            self._earlier_repeat = self._stream.repeat
        stream.start_unix_ns = now_ns
        self._stream = stream
        self.requests.go_on()
        self._sender = asyncio.create_task(self._send_all(stream))

    async def settle(self, least_s: float) -> None:
        """Return when as many requests have ended as were in flight when the first of them ended; not before a time."""
        await self.requests.wait(seconds=least_s, requests=1)
        await self.requests.wait(requests=max(len(self.requests), 1))

    async def drain(self) -> None:
        """Send nothing more, record what was due and not sent, and return when all that is in flight has ended."""
        now_ns = self._clock.now_ns()
        self.requests.stop()
        await self._stop_sending()
        stream, self._stream = self._stream, None
        while stream is not None and stream.next_due_unix_ns() < now_ns:
            self._give_up(stream.take()[0])
        await self.requests.wait_for_all(DRAIN_S)

    async def _send_all(self, stream: Timetable) -> None:
        while True:
            self._begin_due(stream, self._clock.now_ns(), most=YIELD_EVERY)
            stream.look_ahead(self._clock.now_ns())
            wait_s = (stream.next_due_unix_ns() - self._clock.now_ns()) / 1e9
            await asyncio.sleep(max(wait_s, 0.0))

    def _begin_due(self, stream: Timetable, now_ns: int, most: int | None = None) -> None:
        begun = 0
        while stream.next_due_unix_ns() <= now_ns and begun != most:
            self.requests.start(self._converse(stream.take()))
            begun += 1

    async def _converse(self, turns: Turns) -> None:
        """Send the requests of one session, each when the one before it has ended and been thought about."""
        await self._send(turns[0])
        for planned in turns[1:]:
            due_ns = self._clock.now_ns() + round(self._think_time_s * 1e9)
            if not await self.requests.pause(self._think_time_s):
                return
            await self._send(replace(planned, scheduled_unix_ns=due_ns, repeat=self._repeat_at(due_ns)))

    async def _send(self, request: ScheduledRequest) -> None:
        if self._slots is None:
            await self.requests.send(request)
            return
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._give_up(request)
            raise
        try:
            await self.requests.send(request)
        finally:
            self._slots.release()

    def _repeat_at(self, due_ns: int) -> int:
        """Return the repeat of the stream in which a time lies; there is no other between these two."""
        stream = self._stream
        is_present = stream is not None and due_ns >= stream.start_unix_ns
        return stream.repeat if stream is not None and is_present else self._earlier_repeat

    def _give_up(self, request: ScheduledRequest) -> None:
        self.requests.report(
            RequestRecord(
                request_id=request.request_id,
                repeat=request.repeat,
                status="cancelled",
                error_kind=NOT_SENT,
                prompt_tokens=request.encoded.prompt_tokens,
                output_tokens=0,
                scheduled_unix_ns=request.scheduled_unix_ns,
                closed_unix_ns=max(self._clock.now_ns(), request.scheduled_unix_ns),
            )
        )

    async def _stop_sending(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
            self._sender = None
