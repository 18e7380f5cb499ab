"""The seam between the harness and the loads: what a driver does, and how much of it makes a window."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from llenergymeasure.backends.base import Done


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

    Its constructor takes the section of the configuration, the backend, the encoded workload and the clock.
    """

    def traffic(self, repeat: int, done: Done) -> AbstractContextManager[Traffic]:
        """Ramp the load up on entering and let it drain on leaving.

        `done` takes the requests that ended, one at a time. Request ids, `repeat` and scheduled times are the driver's.
        """
        ...

    def synchronize(self) -> None:
        """Return when the device has done all it was given, where nothing is in flight."""
        ...

    def progress(self, plan: WindowPlan, requests: int, elapsed_s: float) -> float:
        """Return how much of a window is done, 0 to 1, after so many of its requests have ended."""
        ...

    def close(self) -> None:
        """Give back what the driver needed; the backend is not closed. May be called twice."""
        ...
