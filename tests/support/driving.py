"""Short ways for tests to put a load on a stand-in backend."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import OfflineBackend, OnlineBackend
from llenergymeasure.config.load import ClosedLoad, OfflineLoad, OpenLoad, ReplayLoad
from llenergymeasure.domain.request import Prompt
from llenergymeasure.load.base import DriverInputs, Plan, forget
from llenergymeasure.load.closed import ClosedLoopDriver
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.load.timed import TimedDriver
from llenergymeasure.testing import VirtualClock, VirtualLoop


def offline(backend: OfflineBackend, prompts: Sequence[Prompt], clock: VirtualClock) -> OfflineDriver:
    """Return the driver of whole passes over the prompts."""
    return OfflineDriver(
        OfflineLoad(), DriverInputs(backend=backend, workload=backend.encode(prompts), clock=clock)
    )


def closed(
    backend: OnlineBackend, prompts: Sequence[Prompt], clock: VirtualClock, concurrency: int
) -> ClosedLoopDriver:
    """Return the driver of a closed loop whose waiting takes no time."""
    load = ClosedLoad(kind="closed", concurrency=concurrency)
    inputs = DriverInputs(backend=backend, workload=backend.encode(prompts), clock=clock)
    return ClosedLoopDriver(load, inputs, lambda: VirtualLoop(clock))


def timed(
    load: OpenLoad | ReplayLoad,
    backend: OnlineBackend,
    prompts: Sequence[Prompt],
    clock: VirtualClock,
    *,
    seed: int = 42,
    plan: Plan = forget,
) -> TimedDriver:
    """Return the driver of a load with times of its own, whose waiting takes no time."""
    inputs = DriverInputs(
        backend=backend, workload=backend.encode(prompts), clock=clock, seed=seed, plan=plan
    )
    return TimedDriver(load, inputs, lambda: VirtualLoop(clock))
