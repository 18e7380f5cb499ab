"""The sampler's process: reads every meter at its own rate into one spool file until its standard input closes."""

from __future__ import annotations

import importlib
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from llenergymeasure import plugins
from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.core.own_process import begin_own_process
from llenergymeasure.core.processes.answers import take_over_stdout
from llenergymeasure.core.processes.stop_signals import STOP_SIGNALS
from llenergymeasure.core.python_process import search_for_modules_in
from llenergymeasure.domain.sample import (
    READ_FAILED,
    READING_INVALID,
    RECORD,
    Sample,
    without_impossible_values,
)
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError
from llenergymeasure.foreign_code import described, explained
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.opening import OpenedMeters, Readable, is_period, open_meters
from llenergymeasure.meters.sampling.overlap import count_once, missed

logger = logging.getLogger(__name__)

SHORTEST_WAIT = 0.25
"""Between two readings of a meter lies its period on average, this share of it at least."""
SEED = 20240229
PERIOD_S = 1.0
"""Of a meter that never says its own."""


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

    def read(self, offset_ns: int) -> bytes:
        """Return the meter's samples, packed, under the trace's channel numbers; a meter that raises gives errors."""
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


def main() -> int:
    """Take the job from standard input, answer with lines of JSON, sample until standard input ends."""
    begin_own_process()
    _ignore_interrupts()
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    answer = take_over_stdout()
    job: dict[str, Any] = json.loads(_read_line())
    search_for_modules_in(job["path"])
    with ExitStack() as stack:
        try:
            spool = _spool(Path(job["spool"]), job["memory"])
            stack.callback(spool.close)
            opened = open_meters(
                _load(job["meters"]),
                _load(job["fallbacks"]),
                _options(job["options"]),
                stack,
                lambda name: _answer(answer, {"trying": name}),
            )
        except MeterError as error:
            _answer(answer, {"error": str(error)})
            return MeterError.exit_code
        schedules = _schedules(opened)
        for each in schedules:
            _answer(answer, {"trying": each.meter.name})
            _read_due([each], job["offset_ns"], spool)
        spool.wait()
        channels = count_once([channel for each in schedules for channel in each.channels])
        _answer(
            answer,
            {
                "channels": [channel.model_dump(mode="json") for channel in channels],
                "unavailable": opened.unavailable,
                "left_out": [each.model_dump(mode="json") for each in missed(opened.left_out, channels)],
            },
        )
        os.close(answer)
        _sample(schedules, job["offset_ns"], spool, job["parent"])
    return 0


def _spool(file: Path, memory: int | None) -> BackgroundFile:
    with explained(lambda cause: MeterError(f"no samples can be written: {cause}")):
        return BackgroundFile(file, instead=memory, record_bytes=RECORD.size, of="readings", mode=0o600)


def _options(settings: dict[str, Any]) -> MeterOptions:
    """Return the options; the names of meters were checked by the parent, which may know more of them."""
    named = settings["energy"]["meters"]
    with plugins.assumed(*(("meters", name) for name in (named if isinstance(named, list) else [named]))):
        return MeterOptions.model_validate(settings)


def _ignore_interrupts() -> None:
    """Ctrl-C and a job's end reach the whole process group; the parent still needs samples, and ends us when done."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _read_line() -> bytes:
    """Read the job, unbuffered, so that `poll` sees all that follows it."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            raise SystemExit(0)
        line += piece
    return line


def _load(targets: Sequence[str]) -> list[type[Meter]]:
    """Import meters that are given as `module:Class`."""
    return [_imported(*target.split(":", 1)) for target in targets]


def _imported(module: str, name: str) -> Any:
    with explained(lambda cause: MeterError(f"meter {module}:{name} does not load for the sampler: {cause}")):
        return getattr(importlib.import_module(module), name)


def _schedules(opened: OpenedMeters) -> list[OpenMeter]:
    schedules: list[OpenMeter] = []
    for each in opened.meters:
        if not each.channels:
            continue  # all of them are excluded
        taken = sum(len(schedule.channels) for schedule in schedules)
        schedules.append(OpenMeter(each.meter, each.channels, taken, time.monotonic()))
    return schedules


def _read_due(meters: Sequence[OpenMeter], offset_ns: int, spool: BackgroundFile) -> None:
    """Read the meters that are due and append their samples at once: a slow disk delays no reading.

    Raises:
        OSError: the samples before could not be written.
    """
    now_s = time.monotonic()
    packed = b""
    for each in meters:
        if each.due_s <= now_s:
            packed += each.read(offset_ns)
            each.schedule(time.monotonic())
    if spool.error is not None:
        raise spool.error
    spool.put(packed)


def _sample(meters: Sequence[OpenMeter], offset_ns: int, spool: BackgroundFile, parent_pid: int) -> None:
    """Read each meter when it is due, asleep in between, until the parent is gone."""
    parent = select.poll()
    parent.register(0)
    while not _parent_is_gone(parent, min([each.due_s for each in meters]), parent_pid):
        _read_due(meters, offset_ns, spool)


def _parent_is_gone(parent: select.poll, until_s: float, pid: int) -> bool:
    """Wait until `until_s`; True as soon as standard input ends or the parent is gone."""
    ended = parent.poll(max(0.0, until_s - time.monotonic()) * 1e3)
    return bool(ended) or os.getppid() != pid


def _answer(answer: int, message: dict[str, Any]) -> None:
    os.write(answer, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
