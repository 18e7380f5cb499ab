"""What the server counts over each window, for backends that talk to one."""

from __future__ import annotations

from llenergymeasure.backends.of_a_server import ReportsServerCounters
from llenergymeasure.domain.server_side import ServerWindow, server_window


class ServerWatch:
    """Reads the counters before a window and after it; both readings lie outside of the window."""

    def __init__(self, server: ReportsServerCounters | None) -> None:
        self._server = server
        self._before = None if server is None else server.server_sample()

    def look(self, repeat: int) -> tuple[ServerWindow, ...]:
        """Return what was counted since; nothing without a server."""
        if self._server is None or self._before is None:
            return ()
        return (server_window(repeat, self._before, self._server.server_sample()),)
