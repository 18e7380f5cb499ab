"""What this machine offers an experiment, as `llem doctor` reports it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from llenergymeasure.core.hardware import EnvironmentMetadata
from llenergymeasure.core.record import Record
from llenergymeasure.domain.trace import Channel, LeftOut


class MeterFinding(Record):
    """A meter: what it reads now, or why it cannot be read and what to do about it."""

    name: str
    available: bool
    channels: tuple[Channel, ...] = ()
    readings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """Its sensors that cannot be read."""
    calibrated: tuple[datetime | None, ...] = ()
    """When each channel was calibrated; None: it never was."""
    reason: str | None = None
    remedy: str | None = None


class BackendFinding(Record):
    """A backend: the versions of what it needs, or what is missing and the command that installs it."""

    name: str
    installed: bool
    versions: dict[str, str] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    install: str | None = None


class StorageFinding(Record):
    """The folder in which results would be written."""

    folder: str
    writable: bool
    """Whether a run with the default settings could write its bundle there."""
    free_bytes: int | None = None
    reason: str | None = None


class Diagnosis(Record):
    """Everything `llem doctor` looks at; missing things are findings, never errors."""

    version: str
    python: str
    machine: EnvironmentMetadata
    meters: tuple[MeterFinding, ...]
    auto_meters: tuple[str, ...]
    """What `energy.meters: auto` reads here."""
    backends: tuple[BackendFinding, ...]
    storage: StorageFinding
    packages: dict[str, str | None]
    """Installed versions; None: not installed."""
