"""Which plugins an experiment gets: its workload and its meters, by the names in its configuration."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.exceptions import ConfigError, LLEMError, MeterError
from llenergymeasure.meters.base import Meter, MeterOptions, MeterStatus
from llenergymeasure.workloads.base import Workload

MEASURING = ("nvml", "rapl")
"""What `auto` looks for. Other software reads the same sensors and would count them twice: it is taken by name only."""
LAST_RESORT = "estimate"
FILE_WORKLOAD = "jsonl"


def find_workload(dataset: str) -> Workload:
    """Return the workload of that name; anything that is no name is taken for the path of a JSONL file.

    Raises:
        ConfigError: neither a name nor a file, but close to a name.
    """
    registered = [name for name in plugins.names("workloads") if name != FILE_WORKLOAD]
    if dataset in registered:
        return _new_workload(dataset)
    if _looks_like_a_name(dataset) and difflib.get_close_matches(dataset, registered, n=1):
        raise ConfigError(f"workload.dataset: {plugins.unknown('workloads', dataset)}")
    return _new_workload(FILE_WORKLOAD)


def select_meters(energy: EnergyConfig, options: MeterOptions) -> list[type[Meter]]:
    """Return the meters to read: those named, or for `auto` all that measure here, else the estimate.

    Raises:
        ConfigError: no meter of that name.
        MeterError: a meter that was named cannot be read; with the reason and the remedy.
    """
    wanted = _probe_wanted(energy, options)
    for name, status in wanted:
        refusal = _refusal(name, status)
        if refusal is not None:
            raise refusal
    return [plugins.find("meters", name) for name, _ in wanted]


def meter_problems(energy: EnergyConfig, options: MeterOptions) -> list[str]:
    """Return why `select_meters` would fail, every reason and not the first alone."""
    if energy.meters == "auto" and _status(LAST_RESORT, options).available:
        return []  # `auto` then always finds something, whatever the sensors say
    refusals = (_refusal(name, status) for name, status in _probe_wanted(energy, options))
    return [str(refusal) for refusal in refusals if refusal is not None]


def probe_meters(options: MeterOptions) -> list[tuple[str, MeterStatus]]:
    """Return what each installed meter can do here, by name; one that does not even import says so."""
    return [(name, _status(name, options)) for name in plugins.names("meters")]


def missing_modules(requires: Sequence[str]) -> list[str]:
    """Return those of the modules that are not installed; nothing but parents of dotted names is imported."""
    return [name for name in requires if not _installed(name)]


def _new_workload(name: str) -> Workload:
    workload: Workload = plugins.find("workloads", name)()
    return workload


def _looks_like_a_name(dataset: str) -> bool:
    path = Path(dataset)
    return path.name == dataset and not path.suffix and not path.exists()


def _probe_wanted(energy: EnergyConfig, options: MeterOptions) -> list[tuple[str, MeterStatus]]:
    if energy.meters == "none":
        return []
    if energy.meters != "auto":
        names = (energy.meters,) if isinstance(energy.meters, str) else energy.meters
        return [(name, _status(name, options)) for name in names]
    measuring = [(name, _status(name, options)) for name in MEASURING]
    available = [(name, status) for name, status in measuring if status.available]
    return available or [(LAST_RESORT, _status(LAST_RESORT, options))]


def _refusal(name: str, status: MeterStatus) -> LLEMError | None:
    if name not in plugins.names("meters"):
        return ConfigError(f"energy.meters: {plugins.unknown('meters', name)}")
    if status.available:
        return None
    remedy = f" → {status.remedy}" if status.remedy else ""
    return MeterError(f"meter '{name}' cannot be read: {status.reason}{remedy}")


def _status(name: str, options: MeterOptions) -> MeterStatus:
    try:
        meter: type[Meter] = plugins.find("meters", name)
        missing = missing_modules(meter.requires)
        if missing:
            reason = f"not installed: {', '.join(missing)}"
            return MeterStatus(available=False, reason=reason, remedy=meter.install)
        return meter().probe(options)
    except Exception as error:  # noqa: BLE001 - other people's code; one broken meter must not hide the rest
        reason = f"its plugin is broken: {type(error).__name__}: {error}"
        return MeterStatus(available=False, reason=reason, remedy=_reinstall(name))


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False  # the parent of a dotted name is missing, or half imported


def _reinstall(name: str) -> str:
    points = entry_points(group="llenergymeasure.meters", name=name)
    distribution = next((point.dist.name for point in points if point.dist), "llenergymeasure")
    return f"pip install --force-reinstall {distribution}"
