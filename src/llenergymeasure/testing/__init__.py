"""For people who write a backend, a meter or a workload: stand-ins to run against, conformance checks to pass."""

from __future__ import annotations

from llenergymeasure.testing.backend_check import check_backend
from llenergymeasure.testing.declarations import check_plugin
from llenergymeasure.testing.known_power import KnownPower
from llenergymeasure.testing.meter_check import check_meter
from llenergymeasure.testing.static_batches import STANDIN, StandInBackend
from llenergymeasure.testing.virtual_clock import VirtualClock
from llenergymeasure.testing.workload_check import check_workload

__all__ = [
    "STANDIN",
    "KnownPower",
    "StandInBackend",
    "VirtualClock",
    "check_backend",
    "check_meter",
    "check_plugin",
    "check_workload",
]
