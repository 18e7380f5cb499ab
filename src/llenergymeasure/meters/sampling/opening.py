"""Opening the meters of a run: all that were named, or those that this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError, MeterUnavailable
from llenergymeasure.meters.base import Meter, MeterOptions


@dataclass(frozen=True, kw_only=True)
class OpenedMeters:
    """Meters with their channels, and why others were left out, by name."""

    meters: tuple[tuple[Meter, tuple[Channel, ...]], ...]
    unavailable: dict[str, str]


def open_meters(
    meters: Sequence[type[Meter]], fallbacks: Sequence[type[Meter]], options: MeterOptions, stack: ExitStack
) -> OpenedMeters:
    """Open each meter once; `stack` closes them.

    With `fallbacks`, meters that cannot be opened are left out, and where none is left the first fallback is taken that
    can be opened.

    Raises:
        MeterError: a meter that is required cannot be opened; with the reason and the remedy.
    """
    opened: list[tuple[Meter, tuple[Channel, ...]]] = []
    unavailable: dict[str, str] = {}
    for meter_class in meters:
        meter = meter_class()
        try:
            opened.append((meter, open_meter(meter, options, stack)))
        except MeterError as error:
            if not fallbacks:
                raise MeterError(f"meter '{meter.name}' cannot be read: {error}") from None
            unavailable[meter.name] = str(error)
    if not opened and fallbacks:
        first = open_meters(fallbacks[:1], fallbacks[1:], options, stack)
        return OpenedMeters(meters=first.meters, unavailable={**unavailable, **first.unavailable})
    return OpenedMeters(meters=tuple(opened), unavailable=unavailable)


def open_meter(meter: Meter, options: MeterOptions, stack: ExitStack) -> tuple[Channel, ...]:
    """Open one meter and return its channels; `stack` closes it, also where it could not be opened.

    Raises:
        MeterError: it cannot be opened; with the reason and the remedy.
    """
    stack.callback(meter.close)
    try:
        channels = tuple(meter.open(options))
    except MeterError:
        raise
    except Exception as error:
        raise MeterUnavailable(f"it failed to open: {type(error).__name__}: {error}") from error
    if not channels:
        raise MeterUnavailable("it has nothing to read on this machine", "llem doctor")
    return channels
