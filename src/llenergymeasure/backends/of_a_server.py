"""What a backend offers in addition where it talks to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeGuard

from llenergymeasure.domain.server_side import ServerSample


class ReportsServerCounters(Protocol):
    """A backend whose server counts itself."""

    def server_sample(self) -> ServerSample:
        """Read the server's counters once; asked just before and just after each window, it has to be quick."""
        ...


class KeepsLog(Protocol):
    """A backend that starts a program which writes a log."""

    def keep_log_in(self, folder: Path) -> None:
        """Write the log to this folder, as `server.log`; called before `load`."""
        ...


def reports_server_counters(backend: object) -> TypeGuard[ReportsServerCounters]:
    """Whether a backend has the counters of a server."""
    return callable(getattr(backend, "server_sample", None))


def keep_log_in(backend: object, folder: Path) -> None:
    """Tell a backend where to write the log of the program that it starts, if it starts one."""
    tell = getattr(backend, "keep_log_in", None)
    if tell is not None:
        tell(folder)
