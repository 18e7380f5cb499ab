"""Opening the meters of a run: all that were named, or those that this machine has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, ChannelKey, LeftOut
from llenergymeasure.exceptions import MeterError, MeterUnavailable
from llenergymeasure.foreign_code import explained
from llenergymeasure.meters.base import Meter, MeterOptions

logger = logging.getLogger(__name__)

LONGEST_PERIOD_S = 3600.0
EXCLUDED = "energy.exclude names it"
REMEDY = "name other meters in energy.meters, and report it to the authors of this one"
"""Where a meter hangs, or ends its process."""


class Readable(Protocol):
    """What the sampler needs of an open meter."""

    @property
    def name(self) -> str: ...

    @property
    def period_s(self) -> float: ...

    def read(self, offset_ns: int) -> list[Sample]: ...


class HasSensors(Protocol):
    """The sensors of a meter: those that are read, and those that are not."""

    @property
    def channels(self) -> Sequence[Channel]: ...

    @property
    def left_out(self) -> Sequence[LeftOut]: ...


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One open meter, with the channels that it reads and the sensors that it does not."""

    meter: Readable
    channels: tuple[Channel, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpenedMeters:
    """Meters with their channels, and why others were left out, by name."""

    meters: tuple[Opened, ...]
    unavailable: dict[str, str]

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The sensors of all these meters that are not read."""
        return tuple(sensor for each in self.meters for sensor in each.left_out)


def open_meters(
    meters: Sequence[type[Meter]],
    fallbacks: Sequence[type[Meter]],
    options: MeterOptions,
    stack: ExitStack,
    before_each: Callable[[str], None] = lambda _name: None,
) -> OpenedMeters:
    """Open each meter once; `stack` closes them.

    With `fallbacks`, meters that cannot be opened are left out, and where none is left the first fallback is taken that
    can be opened. `before_each` is told the name of a meter that is about to be opened.

    Raises:
        MeterError: a meter that is required cannot be opened, with the reason and the remedy; or `energy.exclude` names
            a sensor that does not exist, or leaves none.
    """
    opened = _open_available(meters, fallbacks, options, stack, before_each)
    check_exclusion(options.energy.exclude, opened.meters)
    return opened


def check_exclusion(names: Sequence[str], opened: Sequence[HasSensors]) -> None:
    """Look whether every sensor that `energy.exclude` names exists, and whether one is left of those of all meters.

    Raises:
        MeterError: not so, with the names that exist.
    """
    sensors: list[ChannelKey] = [key for each in opened for key in (*each.channels, *each.left_out)]
    unknown = [name for name in names if not any(each.is_named(name) for each in sensors)]
    if unknown:
        existing = ", ".join(sorted({each.short_name for each in sensors}))
        raise MeterError(f"energy.exclude: no sensor is called {unknown[0]!r}; this machine has {existing}")
    if opened and not any(each.channels for each in opened):
        raise MeterError(
            "energy.exclude leaves no sensor to read → set energy.meters to none, or exclude fewer"
        )


def open_meter(meter: Meter, options: MeterOptions, stack: ExitStack) -> Opened:
    """Open one meter; `stack` closes it, also where it could not be opened.

    A meter says in an attribute `left_out` which of its sensors it cannot read; those that `energy.exclude` names are
    added.

    Raises:
        MeterError: it cannot be opened; with the reason and the remedy.
    """
    stack.callback(_close, meter)
    with explained(_failed_to_open):
        channels = tuple(meter.open(options))
        failed: tuple[LeftOut, ...] = tuple(getattr(meter, "left_out", ()))
        period_s = meter.period_s
    if not channels:
        raise MeterUnavailable("it has nothing to read on this machine", "llem doctor")
    for kind, given in ((Channel, channels), (LeftOut, failed)):
        strange = [type(each).__name__ for each in given if not isinstance(each, kind)]
        if strange:
            raise _failed_to_open(f"it gives an object of type {strange[0]}, not {kind.__name__}")
    if not is_period(period_s):
        raise _failed_to_open("its period_s is no time above 0")
    return _without(options.energy.exclude, Opened(meter=meter, channels=channels, left_out=failed))


def make_meter(meter: type[Meter]) -> Meter:
    """Return a new meter of a class.

    Raises:
        MeterUnavailable: it cannot be made.
    """
    with explained(_failed_to_open):
        return meter()


def name_of(meter: type[Meter]) -> str:
    """Return the name of a meter; that of its class where it has none."""
    name = getattr(meter, "name", None)
    return name if isinstance(name, str) else meter.__name__


def is_period(period_s: object) -> bool:
    """Whether a meter can be read at such intervals."""
    return isinstance(period_s, (int, float)) and 0 < period_s < LONGEST_PERIOD_S


def parts_of(meter: Readable) -> Sequence[Readable]:
    """Return what a meter offers in `parts`: its devices, in the order of its channels, to be read at the same time."""
    make: Callable[[], Sequence[Readable]] = getattr(meter, "parts", tuple)
    return make()


def _failed_to_open(cause: str) -> MeterUnavailable:
    return MeterUnavailable(f"it failed to open: {cause}")


def _close(meter: Meter) -> None:
    """Close a meter; one that fails to is told to the log, for its samples are taken by then."""
    try:
        with explained(MeterError):
            meter.close()
    except MeterError as error:
        logger.warning("meter '%s' failed to close: %s", name_of(type(meter)), error)


def _open_available(
    meters: Sequence[type[Meter]],
    fallbacks: Sequence[type[Meter]],
    options: MeterOptions,
    stack: ExitStack,
    before_each: Callable[[str], None],
) -> OpenedMeters:
    opened: list[Opened] = []
    unavailable: dict[str, str] = {}
    for meter_class in meters:
        name = name_of(meter_class)
        before_each(name)
        try:
            opened.append(open_meter(make_meter(meter_class), options, stack))
        except MeterError as error:
            if not fallbacks:
                raise MeterError(f"meter '{name}' cannot be read: {error}") from None
            unavailable[name] = str(error)
    if not opened and fallbacks:
        first = _open_available(fallbacks[:1], fallbacks[1:], options, stack, before_each)
        return OpenedMeters(meters=first.meters, unavailable={**unavailable, **first.unavailable})
    return OpenedMeters(meters=tuple(opened), unavailable=unavailable)


class _PartOfMeter:
    """A meter of which only some channels are kept, under numbers of their own."""

    def __init__(self, meter: Readable, kept: Sequence[int]) -> None:
        self._meter = meter
        self._number = {index: number for number, index in enumerate(kept)}

    @property
    def name(self) -> str:
        return self._meter.name

    @property
    def period_s(self) -> float:
        return self._meter.period_s

    def read(self, offset_ns: int) -> list[Sample]:
        samples = self._meter.read(offset_ns)
        return [
            each._replace(channel=self._number[each.channel])
            for each in samples
            if each.channel in self._number
        ]

    def parts(self) -> Sequence[Readable]:
        """Return the kept ones of the meter's parts; none where it has none."""
        parts = parts_of(self._meter)
        return [parts[index] for index in self._number] if parts else ()


def _without(exclude: Sequence[str], opened: Opened) -> Opened:
    """Return a meter without the sensors that `exclude` names."""
    excluded = [_is_named(each, exclude) for each in opened.channels]
    left_out = [
        each.model_copy(update={"by_choice": True}) if _is_named(each, exclude) else each
        for each in opened.left_out
    ]
    if not any(excluded):
        return Opened(meter=opened.meter, channels=opened.channels, left_out=tuple(left_out))
    kept = [index for index, named in enumerate(excluded) if not named]
    chosen = [
        LeftOut(
            **dict(each.key),
            reason=EXCLUDED,
            ordinal=each.ordinal,
            included_in_total=each.included_in_total,
            by_choice=True,
        )
        for each, named in zip(opened.channels, excluded, strict=True)
        if named
    ]
    return Opened(
        meter=_PartOfMeter(opened.meter, kept),
        channels=tuple(opened.channels[index] for index in kept),
        left_out=(*left_out, *chosen),
    )


def _is_named(sensor: ChannelKey, names: Sequence[str]) -> bool:
    return any(sensor.is_named(name) for name in names)
