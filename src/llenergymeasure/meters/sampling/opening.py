"""Opening the meters of a run: all that were named, or those that this machine has."""

from __future__ import annotations

import importlib
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
    targets: Sequence[str], fallback: str | None, options: MeterOptions, stack: ExitStack
) -> OpenedMeters:
    """Open each meter once; `stack` closes them. Meters are given as `module:Class`.

    With a `fallback`, those that cannot be opened are left out, and where none is left the fallback is opened.

    Raises:
        MeterError: a meter that is required cannot be opened; with the reason and the remedy.
    """
    meters: list[tuple[Meter, tuple[Channel, ...]]] = []
    unavailable: dict[str, str] = {}
    for target in targets:
        meter = _load(target)
        try:
            meters.append((meter, open_meter(meter, options, stack)))
        except MeterError as error:
            if fallback is None:
                raise MeterError(f"meter '{meter.name}' cannot be read: {error}") from None
            unavailable[meter.name] = str(error)
    if not meters and fallback is not None:
        opened = open_meters([fallback], None, options, stack)
        return OpenedMeters(meters=opened.meters, unavailable=unavailable)
    return OpenedMeters(meters=tuple(meters), unavailable=unavailable)


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


def _load(target: str) -> Meter:
    module, _, name = target.partition(":")
    meter: Meter = getattr(importlib.import_module(module), name)()
    return meter
