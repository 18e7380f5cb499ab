"""The seam between an experiment and the place where its worker runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.domain.job import Outcome
from llenergymeasure.domain.progress import RunEvent


class Running(Protocol):
    """A job that was submitted."""

    def events(self) -> Iterator[RunEvent]:
        """Yield the events of the run as they come, until the worker has ended; a second call goes on from there."""
        ...

    def interrupt(self) -> None:
        """Stop the run in order, and keep what was measured; a second call ends its whole process group at once."""
        ...

    def wait(self) -> Outcome:
        """Return how the job ended when the worker and all processes of its group are gone; may be called again."""
        ...


class Launcher(Protocol):
    """Starts a worker for a job folder; constructed with the `launcher` section of the configuration."""

    name: ClassVar[str]

    def __init__(self, config: LauncherConfig) -> None: ...

    def submit(self, folder: Path) -> Running:
        """Start `llenergymeasure.worker` on a job folder, which stays where it is until the job has ended.

        Raises:
            PreFlightError: the worker cannot be started, with what to do.
        """
        ...
