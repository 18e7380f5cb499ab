"""Short ways for tests to put a load on a stand-in backend."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import OfflineBackend, OnlineBackend
from llenergymeasure.config.load import ClosedLoad, OfflineLoad
from llenergymeasure.domain.request import Prompt
from llenergymeasure.load.closed import ClosedLoopDriver
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.testing import VirtualClock, VirtualLoop


def offline(backend: OfflineBackend, prompts: Sequence[Prompt], clock: VirtualClock) -> OfflineDriver:
    """Return the driver of whole passes over the prompts."""
    return OfflineDriver(OfflineLoad(), backend, backend.encode(prompts), clock)


def closed(
    backend: OnlineBackend, prompts: Sequence[Prompt], clock: VirtualClock, concurrency: int
) -> ClosedLoopDriver:
    """Return the driver of a closed loop whose waiting takes no time."""
    load = ClosedLoad(kind="closed", concurrency=concurrency)
    return ClosedLoopDriver(load, backend, backend.encode(prompts), clock, lambda: VirtualLoop(clock))
