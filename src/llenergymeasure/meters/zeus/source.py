"""What is read in one go through Zeus, and why something is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel


@dataclass(frozen=True, kw_only=True)
class Source:
    """Sensors that are read together, on every so manieth turn.

    `read` takes the clock's offset and numbers its samples from 0.
    """

    channels: tuple[Channel, ...]
    read: Callable[[int], list[Sample]]
    every: int = 1


class UnseenError(Exception):
    """Zeus cannot read what it should: `reason` says why, `remedy` what mends it (None: nothing does)."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class AbsentError(UnseenError):
    """One kind of device is not here; another may be."""
