"""A streaming backend that is sent many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llenergymeasure.backends.base import Done, OnlineBackend, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.load.event_loop import LoopThread
from llenergymeasure.load.streaming import stream_request


class StreamsAtOnce:
    """Serves many requests through an `OnlineBackend`, all of them in flight together."""

    def __init__(self, backend: OnlineBackend, n_requests: int, clock: Clock) -> None:
        self._backend = backend
        self._n_requests = n_requests
        self._clock = clock
        self._loop = LoopThread()

    def max_batch_size(self) -> int:
        """Return the size of a pass: the client sets no limit, and that of the server is not known."""
        return self._n_requests

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Send all requests and return when all have ended; of an interrupted run the rest is cancelled.

        Raises:
            BackendError: no further request can be served.
        """
        try:
            self._loop.run(self._send(requests, done))
        finally:
            self._loop.cancel_pending()

    def close(self) -> None:
        """End the event loop; may be called twice."""
        self._loop.close()

    async def _send(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        await asyncio.gather(
            *(stream_request(self._backend, request, self._clock, done) for request in requests)
        )
