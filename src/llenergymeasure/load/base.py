"""The seam between the harness and the loads: what a driver does, and how much of it makes a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from llenergymeasure.backends.base import Backend, Done, EncodedRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.load.schedule_table import PlannedRequest

Plan = Callable[[Sequence[PlannedRequest]], None]
"""Takes requests of the schedule before they are due, from any thread."""


def forget(_rows: Sequence[PlannedRequest]) -> None:
    """A `Plan` for callers who keep no schedule."""


@dataclass(frozen=True, kw_only=True)
class DriverInputs:
    """What a driver sends, and to which backend."""

    backend: Backend
    workload: Sequence[EncodedRequest]
    clock: Clock
    seed: int = 0
    """Of all that is drawn at random."""
    plan: Plan = forget


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """The load of one window: at least `min_duration_s`, and at least so many passes over the workload."""

    min_duration_s: float
    passes: int = 1

    def is_done(self, passes: int, elapsed_s: float) -> bool:
        return passes >= self.passes and elapsed_s >= self.min_duration_s

    def fraction(self, passes: float, elapsed_s: float) -> float:
        """Return how much of the window is done after so many passes, parts of one included, at a constant rate."""
        least = math.ceil(self.min_duration_s * passes / elapsed_s) if elapsed_s > 0 else 1
        return min(passes / max(self.passes, least), 1.0)


class Traffic(Protocol):
    """Load that is ready to be measured: what has to be running before a window begins is running."""

    def serve_part(self) -> None:
        """Serve a small part of the workload, as it is served in a window; for the warm-up, part after part.

        Raises:
            BackendError: the backend can serve no further request, or failed every one.
        """
        ...

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        """Serve one window and return the plan of the next one: no less work, and no shorter than the minimum.

        Raises:
            BackendError: the backend can serve no further request, or failed every one.
        """
        ...


class LoadDriver(Protocol):
    """Sends the requests of one experiment to its backend; a kind of load is one class of this shape.

    Its constructor takes the section of the configuration and `DriverInputs`.
    """

    def traffic(self, repeat: int, done: Done, rung: int = 0) -> AbstractContextManager[Traffic]:
        """Ramp the load up on entering, where it does not run yet, to the given rung of a ladder.

        Where requests may be in flight at the end of a window, the load goes on after it: into the next traffic, or
        until `drain`. `done` takes the requests that end from now on, one at a time. Request ids, `repeat` and
        scheduled times are the driver's.
        """
        ...

    def synchronize(self) -> None:
        """Return when the device has done all it was given, where nothing is in flight."""
        ...

    def is_idle(self) -> bool:
        """Return whether nothing is in flight, and nothing will be before the next traffic."""
        ...

    def progress(self, plan: WindowPlan, requests: int, elapsed_s: float) -> float:
        """Return how much of a window is done, 0 to 1, after so many of its requests have ended."""
        ...

    def client(self) -> ClientWindow | None:
        """Return what the client observed of itself in the last window; None for a load without a client."""
        ...

    def drain(self) -> None:
        """Send nothing more and return when all that is in flight has ended.

        Raises:
            BackendError: the backend can serve no further request, or failed every one.
        """
        ...

    def close(self) -> None:
        """Give back what the driver needed; the backend is not closed. May be called twice."""
        ...
