"""One monotonic clock with one wall-clock anchor, shared by every process of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """What the harness needs of time; tests pass a virtual one."""

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch that never run backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


def _offset_now() -> int:
    return time.time_ns() - time.monotonic_ns()


@dataclass(frozen=True)
class AnchoredClock:
    """Monotonic time, expressed as Unix time by an offset that is read once.

    `CLOCK_MONOTONIC` is common to all processes of a machine, so a second process given the same
    `offset_ns` stamps its samples on the very same axis.
    """

    offset_ns: int = field(default_factory=_offset_now)

    def now_ns(self) -> int:
        return time.monotonic_ns() + self.offset_ns

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
