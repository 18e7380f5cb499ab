"""A clock whose time only the code under test moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class VirtualClock:
    """A clock that moves only when something sleeps on it."""

    time_ns: int = 1_700_000_000_000_000_000

    def now_ns(self) -> int:
        return self.time_ns

    def sleep(self, seconds: float) -> None:
        self.time_ns += round(seconds * 1e9)
