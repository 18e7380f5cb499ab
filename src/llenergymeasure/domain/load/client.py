"""What the client of a load observed of itself."""

from __future__ import annotations

from llenergymeasure.core.record import Record


class ClientWindow(Record):
    """The event loop that sent the requests of one window, and read the answers."""

    repeat: int
    duration_s: float
    loop_lag_p99_s: float | None
    """How late the loop did what was due, 99 % of the times; None where it was not looked at."""
    loop_lag_max_s: float | None
    cpu_s: float
    """Processor time of the thread of the loop."""
