"""What this machine offers an experiment: meters, GPUs, backends, room for results."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from llenergymeasure import plugins
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.constants import VERSION
from llenergymeasure.core.environment import collect_environment_metadata
from llenergymeasure.core.files.names import escaped
from llenergymeasure.core.packages import version_of
from llenergymeasure.domain.reports.diagnosis import BackendFinding, Diagnosis, MeterFinding, StorageFinding
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import PluginError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.probing import MeterStatus
from llenergymeasure.meters.selection import auto_meters, probe_meters
from llenergymeasure.orchestration.readiness.folders import free_bytes, output_problem
from llenergymeasure.orchestration.readiness.room import room_problem
from llenergymeasure.results.profile_store import load_profiles, machine_key

PACKAGES = ("torch", "transformers", "accelerate", "peft", "bitsandbytes", "nvidia-ml-py", "pyarrow", "numpy")


def diagnose(output_dir: Path) -> Diagnosis:
    """Look at this machine; nothing is loaded or changed."""
    statuses = probe_meters(MeterOptions())
    return Diagnosis(
        version=VERSION,
        python=platform.python_version(),
        machine=collect_environment_metadata(),
        meters=_meters(statuses),
        auto_meters=auto_meters(statuses),
        backends=tuple(_backend(name) for name in plugins.names("backends")),
        storage=_storage(output_dir),
        packages={name: version_of(name) for name in PACKAGES},
    )


def _meters(statuses: Mapping[str, MeterStatus]) -> tuple[MeterFinding, ...]:
    profiles, machine = load_profiles(), machine_key()

    def calibrated(channel: Channel) -> datetime | None:
        made = (each.made_unix_ns for each in profiles if each.is_of(channel, machine))
        return next((datetime.fromtimestamp(ns / 1e9, tz=timezone.utc) for ns in made), None)

    return tuple(
        MeterFinding(
            name=name,
            available=status.available,
            channels=status.channels,
            readings=status.readings,
            left_out=status.left_out,
            calibrated=tuple(calibrated(channel) for channel in status.channels),
            reason=status.reason,
            remedy=status.remedy,
        )
        for name, status in statuses.items()
    )


def _backend(name: str) -> BackendFinding:
    try:
        plugin = plugins.declaration("backends", name)
    except PluginError as error:
        return BackendFinding(name=name, installed=False, missing=(error.reason,), install=error.remedy)
    missing = tuple(plugin.missing_modules())
    versions = {module: version for module in plugin.requires if (version := version_of(module))}
    return BackendFinding(
        name=name, installed=not missing, versions=versions, missing=missing, install=plugin.install
    )


def _storage(output_dir: Path) -> StorageFinding:
    problem = output_problem(output_dir)
    if problem is not None:
        reason, _, _ = problem.partition(" → ")
        return StorageFinding(folder=escaped(str(output_dir)), writable=False, reason=escaped(reason))
    _, free = free_bytes(output_dir)
    full = room_problem(output_dir, ExperimentConfig(model="any"), "a run with the default settings")
    folder = escaped(str(output_dir.absolute()))
    return StorageFinding(
        folder=folder, writable=full is None, free_bytes=free, reason=full and escaped(full)
    )
