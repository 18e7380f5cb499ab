"""Each window has a peak of its own."""

from __future__ import annotations

from contextlib import suppress

from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.testing import VirtualClock


class Device:
    """Memory that rises with every use, and a peak that can be reset."""

    def __init__(self, *, broken: bool = False) -> None:
        self.peak = 1000
        self.broken = broken

    def use(self, size: int) -> None:
        self.peak = max(self.peak, size)

    def reset_peak_memory(self) -> None:
        if self.broken:
            raise RuntimeError("device-side assert triggered")
        self.peak = 1

    def peak_memory_bytes(self) -> dict[str, int]:
        return {"cuda:0": self.peak}


def test_the_peak_of_a_window_is_what_was_used_in_it() -> None:
    device = Device()
    log = Recorder(clock=VirtualClock(), memory=device)
    for repeat, size in enumerate((700, 50)):
        with log.phase("window", repeat):
            device.use(size)
    with log.phase("baseline_idle"):
        device.use(9000)
    assert [phase.peak_memory_bytes for phase in log.phases] == [(("cuda:0", 700),), (("cuda:0", 50),), ()]


def test_a_window_that_fails_keeps_its_peak() -> None:
    device = Device()
    log = Recorder(clock=VirtualClock(), memory=device)
    with suppress(MemoryError), log.phase("window", 0):
        device.use(700)
        raise MemoryError
    assert [phase.peak_memory_bytes for phase in log.phases] == [(("cuda:0", 700),)]


def test_a_peak_that_cannot_begin_anew_is_unknown_and_does_not_end_the_run() -> None:
    log = Recorder(clock=VirtualClock(), memory=Device(broken=True))
    with log.phase("window", 0):
        pass
    assert log.phases[0].peak_memory_bytes == ()
