"""A meter whose power follows a load that tests put on it: through a file, since it is read in another process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.plugins import Plugin

VARIABLE = "LLEM_TEST_LOAD"
IDLE_W, LOADED_W = 100.0, 300.0


FOLLOWING = Plugin(
    name="following",
    target="tests.support.following_meter:FollowingMeter",
    capabilities=frozenset({"measures", "by_name_only"}),
)


class FollowingMeter:
    """A counter that moves with every reading, and power beside it: 300 W while the file is there, else 100 W."""

    name: ClassVar[str] = "following"
    period_s: ClassVar[float] = 0.005

    def __init__(self) -> None:
        self._energy_j = 0.0
        self._last_ns = time.monotonic_ns()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        return [
            Channel(
                meter=self.name,
                domain="cpu",
                device="d",
                label="D",
                method="counter",
                update_period_s=0.0,
                relative_error=0.1,
            )
        ]

    def read(self, offset_ns: int) -> list[Sample]:
        now_ns, power_w = time.monotonic_ns(), LOADED_W if os.path.exists(os.environ[VARIABLE]) else IDLE_W
        self._energy_j += power_w * (now_ns - self._last_ns) / 1e9
        self._last_ns = now_ns
        return [Sample(0, now_ns + offset_ns, energy_j=self._energy_j, power_w=power_w)]

    def close(self) -> None:
        """Nothing stays open."""


class FileLoad:
    """The load that the meter sees."""

    description = "a file"

    def run(self, seconds: float) -> None:
        path = Path(os.environ[VARIABLE])
        path.touch()
        time.sleep(seconds)
        path.unlink()


class NoLoad:
    """A load of some other device."""

    description = "nothing"

    def run(self, seconds: float) -> None:
        time.sleep(seconds)


class StoppedLoad:
    """A load whose user presses Ctrl-C."""

    description = "stopped"

    def run(self, seconds: float) -> None:
        raise KeyboardInterrupt
