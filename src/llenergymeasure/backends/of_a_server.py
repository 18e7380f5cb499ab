"""What a backend offers in addition where it talks to a server."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol, TypeGuard

from llenergymeasure.config.models import ExperimentConfig
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


class RunsBefore(Protocol):
    """A backend whose engine may run, with its model loaded, before `load` is called."""

    def processes_before_load(self, config: ExperimentConfig) -> Collection[int] | None:
        """Return the processes of the engine that runs already, as far as they are known; None where none runs."""
        ...


def processes_before_load(backend: object, config: ExperimentConfig) -> Collection[int] | None:
    """Return the processes of an engine that runs before it is loaded; None where there is none."""
    tell = getattr(backend, "processes_before_load", None)
    return None if tell is None else tell(config)


def reports_server_counters(backend: object) -> TypeGuard[ReportsServerCounters]:
    """Whether a backend has the counters of a server."""
    return callable(getattr(backend, "server_sample", None))


def keep_log_in(backend: object, folder: Path) -> None:
    """Tell a backend where to write the log of the program that it starts, if it starts one."""
    tell = getattr(backend, "keep_log_in", None)
    if tell is not None:
        tell(folder)
