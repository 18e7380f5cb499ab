"""Claims about the power that a run tells while it goes on."""

from __future__ import annotations

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.testing import KnownPower, VirtualClock

ESTIMATE = KnownPower(VirtualClock(), lambda _: 12.0, method="estimated")


def test_power_from_a_model_is_marked_wherever_it_is_told() -> None:
    told: list[RunEvent] = []
    log = Recorder(clock=VirtualClock(), emit=told.append, metering=ESTIMATE)
    log.progress(lambda: RunEvent(kind="progress", power_w=12.0))
    assert told[0].power_is_estimated


def test_measured_or_unknown_power_is_not_marked() -> None:
    told: list[RunEvent] = []
    Recorder(clock=VirtualClock(), emit=told.append).progress(lambda: RunEvent(kind="progress", power_w=12.0))
    Recorder(clock=VirtualClock(), emit=told.append, metering=ESTIMATE).progress(
        lambda: RunEvent(kind="progress")
    )
    assert [event.power_is_estimated for event in told] == [None, None]
