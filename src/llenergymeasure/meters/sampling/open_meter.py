"""One open meter in the sampler's process: when it is due, what it read, and how long that took."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from llenergymeasure.domain.sample import (
    READ_FAILED,
    READING_INVALID,
    RECORD,
    Sample,
    without_impossible_values,
)
from llenergymeasure.domain.trace import Channel, MeterPace
from llenergymeasure.exceptions import MeterError
from llenergymeasure.foreign_code import described, explained
from llenergymeasure.meters.sampling.opening import Readable, is_period, parts_of

logger = logging.getLogger(__name__)

SHORTEST_WAIT = 0.25
"""Between two readings of a meter lies its period on average, this share of it at least."""
SEED = 20240229
PERIOD_S = 1.0
"""Of a meter that never says its own."""
SLOW = 0.5
"""A reading that takes a larger share of the period makes the next one late more often than not."""
JUDGED = 5
"""Readings by which a meter is called slow: one that is held up alone says nothing."""
REMEMBERED = 1000
"""Readings whose durations are kept: the last twenty seconds of NVML."""


class OpenMeter:
    """One open meter, when it is due next, and where its channels begin in the trace."""

    def __init__(
        self, meter: Readable, channels: Sequence[Channel], first_channel: int, start_s: float
    ) -> None:
        self.meter = meter
        self.channels = channels
        self.first_channel = first_channel
        self.due_s = start_s
        self._failing = False
        self._is_told = False
        self._random = SEED + first_channel
        self._last_period_s = PERIOD_S
        self._took_s: deque[float] = deque(maxlen=REMEMBERED)
        self._parts: tuple[OpenMeter, ...] = ()
        self._has_parts = len(channels) > 1

    @property
    def pace(self) -> MeterPace:
        """How often it was to be read, and how long its readings took."""
        took_s = [each for part in self._parts or (self,) for each in tuple(part._took_s)]
        return MeterPace(
            meter=self.meter.name,
            period_s=self._period_s(),
            reading_s=_median(took_s) if took_s else None,
            in_parallel=bool(self._parts),
        )

    def take_apart(self) -> tuple[OpenMeter, ...]:
        """Return its devices as meters of their own, where reading one after the other is slow and it has such parts.

        They may be read at the same time, and this one no longer.
        """
        if not self._has_parts or len(self._took_s) < JUDGED:
            return ()
        if _median(list(self._took_s)[-JUDGED:]) <= SLOW * self._period_s():
            return ()
        self._parts = self._each_alone()
        self._has_parts = False
        return self._parts

    def _each_alone(self) -> tuple[OpenMeter, ...]:
        try:
            with explained(MeterError):
                parts = parts_of(self.meter)
                alone = list(zip(parts, self.channels, strict=True)) if parts else []
        except MeterError as error:
            logger.warning("meter '%s' cannot be read in parallel: %s", self.meter.name, error)
            return ()
        first, now_s = self.first_channel, time.monotonic()
        return tuple(
            OpenMeter(part, [channel], first + at, now_s) for at, (part, channel) in enumerate(alone)
        )

    def keep_together(self) -> None:
        """Read it as one again: its parts cannot be read at the same time."""
        self._parts = ()

    def read(self, offset_ns: int) -> bytes:
        """Return the meter's samples, packed, under the trace's channel numbers; a meter that raises gives errors."""
        before_s = time.monotonic()
        packed = self._read(offset_ns)
        self._took_s.append(time.monotonic() - before_s)
        return packed

    def _read(self, offset_ns: int) -> bytes:
        try:
            return self._packed(self.meter.read(offset_ns))
        except BaseException as error:  # noqa: BLE001 - a meter's defect must not end the sampling of the others
            if not self._failing:
                logger.warning(
                    "meter '%s' failed; its samples are marked so from here on: %s",
                    self.meter.name,
                    described(error),
                )
            self._failing = True
            now = time.monotonic_ns() + offset_ns
            return self._packed(
                [Sample(index, now, error=READ_FAILED) for index in range(len(self.channels))]
            )

    def _packed(self, samples: Sequence[Sample]) -> bytes:
        first, n_channels = self.first_channel, len(self.channels)
        for sample in samples:
            if not 0 <= sample[0] < n_channels:
                raise ValueError(
                    f"read() gives a sample of channel {sample[0]}, and open() {n_channels} channels"
                )
        kept = [without_impossible_values(Sample(*sample)) for sample in samples]
        self._tell_impossible(samples, kept)
        return b"".join([RECORD.pack(first + sample[0], *sample[1:]) for sample in kept])

    def _tell_impossible(self, given: Sequence[Sample], kept: Sequence[Sample]) -> None:
        """Tell the log the first value that cannot be: the samples do not have it."""
        found = [before for before, after in zip(given, kept, strict=True) if after.error == READING_INVALID]
        if found and not self._is_told:
            self._is_told = True
            logger.warning(
                "meter '%s' read %r J, %r W: no device can have that; such values are left out from here on",
                self.meter.name,
                found[0][2],
                found[0][3],
            )

    def schedule(self, now_s: float) -> None:
        """Set the next deadline, a random time after the last one; missed readings are not repeated.

        Readings at random times are not synchronous with the signal. So the ticks of a counter can be located to a
        fraction of a period, and a fluctuating power is averaged without aliasing.
        """
        wait_s = self._period_s() * (SHORTEST_WAIT + 2 * (1 - SHORTEST_WAIT) * self._draw())
        self.due_s = wait_s + (self.due_s if self.due_s + wait_s > now_s else now_s)

    def _period_s(self) -> float:
        """Return the meter's period, the last one where it cannot say."""
        with suppress(MeterError), explained(MeterError):
            period_s = self.meter.period_s
            if is_period(period_s):
                self._last_period_s = period_s
        return self._last_period_s

    def _draw(self) -> float:
        """Return a number in [0, 1): linear congruential, a fraction of the import of `random` (Numerical Recipes)."""
        self._random = (1664525 * self._random + 1013904223) % (1 << 32)
        return self._random / (1 << 32)


def _median(values: Sequence[float]) -> float:
    """Return the middle one: an import of `statistics` would take as long as that of all the rest."""
    return sorted(values)[len(values) // 2]
