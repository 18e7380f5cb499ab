"""For people who write a backend, a meter or a workload: stand-ins to run against, conformance checks to pass."""

from __future__ import annotations

from llenergymeasure.testing.backend_check import check_backend
from llenergymeasure.testing.caching import STANDIN_CACHING, CachingStandInBackend
from llenergymeasure.testing.continuous_batching import STANDIN_CONTINUOUS, ContinuousStandInBackend
from llenergymeasure.testing.declarations import check_plugin
from llenergymeasure.testing.installed import installed
from llenergymeasure.testing.known_power import KnownPower
from llenergymeasure.testing.meter_check import check_meter
from llenergymeasure.testing.static_batches import STANDIN, StandInBackend
from llenergymeasure.testing.streaming import STANDIN_STREAMING, StreamingStandInBackend
from llenergymeasure.testing.virtual_clock import VirtualClock
from llenergymeasure.testing.virtual_loop import VirtualLoop
from llenergymeasure.testing.workload_check import check_workload

__all__ = [
    "STANDIN",
    "STANDIN_CACHING",
    "STANDIN_CONTINUOUS",
    "STANDIN_STREAMING",
    "CachingStandInBackend",
    "ContinuousStandInBackend",
    "KnownPower",
    "StandInBackend",
    "StreamingStandInBackend",
    "VirtualClock",
    "VirtualLoop",
    "check_backend",
    "check_meter",
    "check_plugin",
    "check_workload",
    "installed",
]
