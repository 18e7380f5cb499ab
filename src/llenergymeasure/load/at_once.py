"""A streaming backend that is sent many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from llenergymeasure.backends.base import Done, OnlineBackend, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.load.event_loop import cancel_pending, close_loop
from llenergymeasure.load.streaming import stream_request


class StreamsAtOnce:
    """Serves many requests through an `OnlineBackend`, all of them in flight together."""

    def __init__(
        self,
        backend: OnlineBackend,
        n_requests: int,
        clock: Clock,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._backend = backend
        self._n_requests = n_requests
        self._clock = clock
        self._loop = new_loop()

    def max_batch_size(self) -> int:
        """Return the size of a pass: the client sets no limit, and that of the server is not known."""
        return self._n_requests

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Send all requests and return when all have ended; of an interrupted run the rest is cancelled.

        Raises:
            BackendError: no further request can be served.
        """
        streams = [
            self._loop.create_task(stream_request(self._backend, request, self._clock, done))
            for request in requests
        ]
        try:
            self._loop.run_until_complete(asyncio.gather(*streams))
        finally:
            cancel_pending(self._loop)

    def close(self) -> None:
        """Close the event loop; may be called twice."""
        close_loop(self._loop)
