"""Which meters a run reads, by the names in its configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.exceptions import ConfigError, LLEMError, MeterError, MeterUnavailable, PluginError
from llenergymeasure.foreign_code import explained
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.probing import MeterStatus, probe_meter
from llenergymeasure.meters.probing_apart import probe_apart
from llenergymeasure.meters.sampling.opening import check_exclusion, make_meter
from llenergymeasure.plugins import Capability

logger = logging.getLogger(__name__)

READS_ONE_FILE = "estimate"
"""A built-in meter that needs no process of its own to be probed: it reads /proc/stat."""


@dataclass(frozen=True, kw_only=True)
class MeterChoice:
    """The meters that a run opens: all of `meters`.

    With `fallbacks`, those of `meters` that this machine has; where it has none, the first fallback that it has.
    """

    meters: tuple[type[Meter], ...] = ()
    fallbacks: tuple[type[Meter], ...] = ()


def choose_meters(energy: EnergyConfig) -> MeterChoice:
    """Return the meters to open; nothing is opened or probed here.

    Raises:
        ConfigError: no meter of that name.
        MeterError: a meter that was named is not installed, or does not import.
    """
    if energy.meters == "auto":
        auto = _auto()
        return MeterChoice(meters=_importable(auto.measuring), fallbacks=_importable(auto.estimating))
    return MeterChoice(meters=tuple(_load_named(name) for name in _named(energy)))


def meter_problems(energy: EnergyConfig, options: MeterOptions) -> list[str]:
    """Return why the meters of a run cannot be read, every reason and not the first alone.

    Meters that were named are opened once for it. With `auto` only estimates are: one of them always works, unless it
    is configured wrongly. `energy.exclude` names sensors, so that it needs all meters.
    """
    if energy.meters == "auto":
        statuses, refused = _auto_statuses(options, all_of_them=bool(energy.exclude))
        chosen = auto_meters(statuses)
    else:
        statuses = _probe_all(_named(energy), options)
        refused = chosen = tuple(statuses)
    problems = [_refusal(name, statuses[name]) for name in refused if not statuses[name].available]
    if problems or not energy.exclude or not chosen:
        return problems
    try:
        check_exclusion(energy.exclude, [statuses[name] for name in chosen])
    except MeterError as error:
        return [str(error)]
    return []


def _auto_statuses(
    options: MeterOptions, *, all_of_them: bool
) -> tuple[dict[str, MeterStatus], tuple[str, ...]]:
    """Return what is known of the meters that `auto` may take, and those that are to blame where none can be read."""
    auto = _auto()
    statuses = _probe_all((*auto.measuring, *auto.estimating) if all_of_them else auto.estimating, options)
    if not any(status.available for status in statuses.values()) and not all_of_them:
        statuses |= _probe_all(auto.measuring, options)
    some = any(status.available for status in statuses.values())
    return statuses, () if some else auto.estimating


def probe_meters(options: MeterOptions) -> dict[str, MeterStatus]:
    """Return what each installed meter can do here, with its readings, by name."""
    return probe_apart(plugins.names("meters"), options, with_readings=True)


def _probe_all(names: Sequence[str], options: MeterOptions) -> dict[str, MeterStatus]:
    """Probe meters, what can hang or end its process in another one."""
    if set(names) <= {READS_ONE_FILE}:
        return {name: probe(name, options) for name in names}
    return probe_apart(names, options, with_readings=False)


def auto_meters(statuses: Mapping[str, MeterStatus]) -> tuple[str, ...]:
    """Return what `energy: {meters: auto}` reads on a machine on which all meters were probed."""
    auto = _auto([name for name, status in statuses.items() if status.available])
    return tuple(auto.measuring or auto.estimating[:1])


def probe(name: str, options: MeterOptions, *, with_readings: bool = False) -> MeterStatus:
    """Return what a meter can do here; one that does not import says so. For doubtful ones see `probe_meters`."""
    try:
        with explained(_cannot_be_read):
            return probe_meter(make_meter(_load(name)), options, with_readings=with_readings)
    except (MeterUnavailable, PluginError) as error:
        return MeterStatus(available=False, reason=error.reason, remedy=error.remedy)
    except LLEMError as error:  # one meter that fails must not hide the rest
        return MeterStatus(available=False, reason=str(error))


def _cannot_be_read(cause: str) -> MeterUnavailable:
    return MeterUnavailable(f"it cannot be read: {cause}", "report it to the authors of the meter")


def _named(energy: EnergyConfig) -> tuple[str, ...]:
    if energy.meters == "none":
        return ()
    return (energy.meters,) if isinstance(energy.meters, str) else tuple(energy.meters)


def _load_named(name: str) -> type[Meter]:
    try:
        return _load(name)
    except (MeterUnavailable, PluginError) as error:
        raise MeterError(f"meter '{name}' cannot be read: {error}") from None


def _refusal(name: str, status: MeterStatus) -> str:
    remedy = f" → {status.remedy}" if status.remedy else ""
    return f"meter '{name}' cannot be read: {status.reason}{remedy}"


@dataclass(frozen=True, kw_only=True)
class _Auto:
    """Names of the meters that `auto` may take, by what they do."""

    measuring: tuple[str, ...]
    estimating: tuple[str, ...]


def _auto(names: Sequence[str] | None = None) -> _Auto:
    """Return what `auto` may take, of some names or all; a plugin that does not load is left out."""
    free: dict[str, frozenset[Capability]] = {}
    for name in plugins.names("meters") if names is None else names:
        try:
            capabilities = plugins.declaration("meters", name).capabilities
        except PluginError as error:
            logger.warning("energy.meters: auto leaves out the meter '%s': %s", name, error)
            continue
        if "by_name_only" not in capabilities:
            free[name] = capabilities
    return _Auto(
        measuring=tuple(name for name, capabilities in free.items() if "measures" in capabilities),
        estimating=tuple(name for name, capabilities in free.items() if "estimates" in capabilities),
    )


def _importable(names: Sequence[str]) -> tuple[type[Meter], ...]:
    classes: list[type[Meter]] = []
    for name in names:
        try:
            classes.append(_load(name))
        except LLEMError as error:  # noqa: PERF203 - a few
            logger.info("energy.meters: auto leaves out the meter '%s': %s", name, error)
    return tuple(classes)


def _load(name: str) -> type[Meter]:
    """Return the class of a meter.

    Raises:
        ConfigError: no meter of that name.
        MeterUnavailable: a module that it needs is not installed.
        PluginError: it does not import.
    """
    if name not in plugins.names("meters"):
        raise ConfigError(f"energy.meters: {plugins.unknown('meters', name)}")
    plugin = plugins.declaration("meters", name)
    missing = plugin.missing_modules()
    if missing:
        raise MeterUnavailable(f"not installed: {', '.join(missing)}", plugin.install)
    meter: type[Meter] = plugin.load()
    return meter
