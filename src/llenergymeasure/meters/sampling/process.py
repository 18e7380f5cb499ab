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
from llenergymeasure.domain.sample import RECORD
from llenergymeasure.exceptions import MeterError
from llenergymeasure.foreign_code import explained
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.open_meter import OpenMeter
from llenergymeasure.meters.sampling.opening import OpenedMeters, open_meters
from llenergymeasure.meters.sampling.overlap import count_once, missed
from llenergymeasure.meters.sampling.parallel import ParallelReaders

LOOK_S = 0.5
"""How often the process looks whether its parent is there and its samples are written, where no meter is due."""


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
        meters = _open_meters(opened)
        for each in meters:
            _answer(answer, {"trying": each.meter.name})
            _read_due([each], job["offset_ns"], spool)
        spool.wait()
        channels = count_once([channel for each in meters for channel in each.channels])
        _answer(
            answer,
            {
                "channels": [channel.model_dump(mode="json") for channel in channels],
                "unavailable": opened.unavailable,
                "left_out": [each.model_dump(mode="json") for each in missed(opened.left_out, channels)],
                **_paces(meters),
            },
        )
        _sample(meters, job["offset_ns"], spool, job["parent"])
        with suppress(OSError):  # the parent may be gone
            _answer(answer, _paces(meters))
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


def _open_meters(opened: OpenedMeters) -> list[OpenMeter]:
    meters: list[OpenMeter] = []
    for each in opened.meters:
        if not each.channels:
            continue  # all of them are excluded
        taken = sum(len(meter.channels) for meter in meters)
        meters.append(OpenMeter(each.meter, each.channels, taken, time.monotonic()))
    return meters


def _paces(meters: Sequence[OpenMeter]) -> dict[str, Any]:
    return {"paces": [each.pace.model_dump(mode="json") for each in meters]}


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
    """Read each meter when it is due, asleep in between, until the parent is gone; slow ones device by device."""
    parent, in_turn = select.poll(), list(meters)
    parent.register(0)
    with ParallelReaders(offset_ns, spool) as parallel:
        while not _parent_is_gone(parent, _next_due_s(in_turn), parent_pid):
            _read_due(in_turn, offset_ns, spool)
            for each in tuple(in_turn):
                parts = each.take_apart()
                if parts and parallel.start(parts):
                    in_turn.remove(each)
                elif parts:
                    each.keep_together()


def _next_due_s(meters: Sequence[OpenMeter]) -> float:
    return min([time.monotonic() + LOOK_S, *(each.due_s for each in meters)])


def _parent_is_gone(parent: select.poll, until_s: float, pid: int) -> bool:
    """Wait until `until_s`; True as soon as standard input ends or the parent is gone."""
    ended = parent.poll(max(0.0, until_s - time.monotonic()) * 1e3)
    return bool(ended) or os.getppid() != pid


def _answer(answer: int, message: dict[str, Any]) -> None:
    os.write(answer, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
