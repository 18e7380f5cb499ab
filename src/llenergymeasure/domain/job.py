"""One experiment handed to a worker, and how it ended; both cross from process to process as JSON files."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from llenergymeasure.core.record import Record

JOB_FORMAT = 1
"""Of the files in a job folder. It changes only when an older reader would misread them: new fields do not count."""


class Job(Record):
    """The content of `job.json`; fields that a newer release added are ignored."""

    model_config = ConfigDict(extra="ignore")

    format: int = JOB_FORMAT
    experiment_id: str
    """Name of the experiment and of its bundle, unique within the study."""
    study: str
    bundles: str
    """Folder in which the bundle is written."""
    working_dir: str
    """Folder from which relative paths count, those of the configuration included."""
    config: dict[str, Any]
    """The resolved configuration of the experiment."""
    python: str | None = None
    """Interpreter that measures; None: that of the process that submits."""
    made_folders: tuple[str, ...] = ()
    """Folders above the job's that were made for it, outermost first; removed with it when they are empty."""
    owner: str | None = None
    """Key of the process that submits it (`core/processes/identity.py`)."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that the worker gets beside those that it inherits."""


class Outcome(Record):
    """The content of `outcome.json`: how a job ended."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["done", "failed"]
    bundle: str | None = None
    """The bundle of a complete run, or what was kept of an interrupted one."""
    error: str | None = None
    """Class of the exception, from `llenergymeasure.exceptions`."""
    exit_code: int = 0
    message: str | None = None
