"""Which plugins an experiment gets: its workload and its meters, by the names in its configuration."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.exceptions import ConfigError, LLEMError, MeterError, PluginError
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.probing import MeterStatus, probe_meter
from llenergymeasure.plugins import Capability
from llenergymeasure.workloads.base import Workload

logger = logging.getLogger(__name__)

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
    """Return the meters to read: those named, or for `auto` all that measure here, else an estimate.

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
    if energy.meters == "auto" and _available(_auto_candidates("estimates"), options):
        return []  # `auto` then always finds something, whatever the sensors say
    refusals = (_refusal(name, status) for name, status in _probe_wanted(energy, options))
    return [str(refusal) for refusal in refusals if refusal is not None]


def probe_meters(options: MeterOptions) -> list[tuple[str, MeterStatus]]:
    """Return what each installed meter can do here, by name; one that does not even import says so."""
    return [(name, _status(name, options, with_readings=True)) for name in plugins.names("meters")]


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
    measuring = _available(_auto_candidates("measures"), options)
    if measuring:
        return measuring
    estimates = [(name, _status(name, options)) for name in _auto_candidates("estimates")]
    return [each for each in estimates if each[1].available][:1] or estimates[:1]


def _auto_candidates(capability: Capability) -> list[str]:
    """Return the meters with this capability that `auto` may take; a plugin that does not load is left out."""
    candidates = []
    for name in plugins.names("meters"):
        try:
            capabilities = plugins.declaration("meters", name).capabilities
        except PluginError as error:
            logger.warning("energy.meters: auto leaves out the meter '%s': %s", name, error)
            continue
        if capability in capabilities and "by_name_only" not in capabilities:
            candidates.append(name)
    return candidates


def _available(names: list[str], options: MeterOptions) -> list[tuple[str, MeterStatus]]:
    probed = [(name, _status(name, options)) for name in names]
    return [(name, status) for name, status in probed if status.available]


def _refusal(name: str, status: MeterStatus) -> LLEMError | None:
    if name not in plugins.names("meters"):
        return ConfigError(f"energy.meters: {plugins.unknown('meters', name)}")
    if status.available:
        return None
    remedy = f" → {status.remedy}" if status.remedy else ""
    return MeterError(f"meter '{name}' cannot be read: {status.reason}{remedy}")


def _status(name: str, options: MeterOptions, *, with_readings: bool = False) -> MeterStatus:
    try:
        plugin = plugins.declaration("meters", name)
        missing = plugin.missing_modules()
        if missing:
            reason = f"not installed: {', '.join(missing)}"
            return MeterStatus(available=False, reason=reason, remedy=plugin.install)
        meter: type[Meter] = plugin.load()
        return probe_meter(meter(), options, with_readings=with_readings)
    except PluginError as error:
        return MeterStatus(available=False, reason=error.reason, remedy=error.remedy)
    except Exception as error:  # noqa: BLE001 - other people's code; one meter that fails must not hide the rest
        return MeterStatus(available=False, reason=f"it failed to be read: {type(error).__name__}: {error}")
