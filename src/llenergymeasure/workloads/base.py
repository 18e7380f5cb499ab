"""The seam between a data set and an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt


class ReadFromFile(Protocol):
    """What a data set offers in addition where it is a file, so that the file's digest is in the result."""

    def file(self, config: WorkloadConfig) -> Path | None:
        """Return the file that is read."""
        ...


class Workload(Protocol):
    """A source of prompts, found by name in `plugins`; constructed without arguments."""

    name: ClassVar[str]

    def check(self, config: WorkloadConfig) -> str | None:
        """Return what keeps this data set from being read (file, line, what to do), or None; cheap."""
        ...

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        """Return `config.n_prompts` prompts, the same for every backend.

        Raises:
            ConfigError: the data set is missing or malformed.
        """
        ...
