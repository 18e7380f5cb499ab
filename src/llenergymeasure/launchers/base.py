"""The seam between an experiment and the place where its process runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from llenergymeasure.domain.progress import RunEvent

JOB = "job.json"
"""In a job folder: `{"config": ...}`, the resolved configuration."""
LOG = "worker.log"
"""In a job folder: what the worker's libraries print."""


class Launcher(Protocol):
    """Starts a worker for a job folder and listens to it; constructed without arguments."""

    name: ClassVar[str]

    def launch(self, job: Path, on_event: Callable[[RunEvent], None]) -> RunEvent:
        """Run the job to its end and return its last event (`done` or `failed`).

        An interrupt of the caller is handed on to the worker, which keeps what it has and fails as interrupted.
        """
        ...
