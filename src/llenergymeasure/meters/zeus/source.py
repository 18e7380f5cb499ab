"""Sensors that are read together through Zeus, and kinds of device that are absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut


@dataclass(frozen=True, kw_only=True)
class Source:
    """Sensors that are read together, on every n-th reading.

    `read` takes the clock's offset and numbers its samples from 0.
    """

    channels: tuple[Channel, ...]
    read: Callable[[int], list[Sample]]
    every: int = 1
    left_out: tuple[LeftOut, ...] = ()
    """Sensors beside them that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Absent:
    """Why this machine has none of one kind of device, and the command that fixes it (None: nothing does).

    `left_out` are those that it has and that cannot be read.
    """

    reason: str
    remedy: str | None = None
    left_out: tuple[LeftOut, ...] = ()
