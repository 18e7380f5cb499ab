"""Meters probed in a process of their own: one that hangs or ends its process costs its own answer only."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from llenergymeasure.core.processes.answers import how_it_ended, lines_of
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.probing import MeterStatus
from llenergymeasure.meters.sampling.opening import REMEDY

PROCESS = "llenergymeasure.meters.probe_process"
TIMEOUT_S = 30.0
"""For one meter: the import of its library from a cold disk takes some seconds."""
START_TIMEOUT_S = 60.0
"""For the start of the process."""
KILL_TIMEOUT_S = 2.0
"""A process that waits within a driver cannot be killed; nobody waits for it."""

logger = logging.getLogger(__name__)


def probe_apart(
    names: Sequence[str], options: MeterOptions, *, with_readings: bool, timeout_s: float = TIMEOUT_S
) -> dict[str, MeterStatus]:
    """Return what meters can do on this machine, by name; a new process goes on after one that cannot be probed."""
    statuses: dict[str, MeterStatus] = {}
    while len(statuses) < len(names):
        left = [name for name in names if name not in statuses]
        with _process(left, options, with_readings=with_readings, timeout_s=timeout_s) as process:
            fault = None
            try:
                statuses.update(_answers(process, timeout_s))
            except TimeoutError:
                fault = f"it did not answer within {timeout_s:.0f} s"
            failing = next((name for name in left if name not in statuses), None)
            if failing is not None:
                reason = fault or f"its process {_ending(process, timeout_s)} while it was probed"
                statuses[failing] = MeterStatus(available=False, reason=reason, remedy=REMEDY)
    return {name: statuses[name] for name in names}


@contextmanager
def _process(
    names: Sequence[str], options: MeterOptions, *, with_readings: bool, timeout_s: float
) -> Iterator[subprocess.Popen[bytes]]:
    named = options.energy.meters
    job = {
        "names": names,
        "named": named if isinstance(named, tuple) else [named],
        "options": options.model_dump(mode="json"),
        "with_readings": with_readings,
        "end_after_s": math.ceil(START_TIMEOUT_S + timeout_s * len(names)),
        "path": [entry for entry in sys.path if entry],  # an empty one is the current folder
    }
    process = subprocess.Popen(
        python_command(PROCESS),
        env=python_environment(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # what the library of a meter starts ends with it
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with (
            suppress(BrokenPipeError),
            process.stdin as stream,
        ):  # where it has ended already, its code says how
            stream.write(json.dumps(job).encode())
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_TIMEOUT_S)
        process.stdout.close()


def _answers(process: subprocess.Popen[bytes], timeout_s: float) -> Iterator[tuple[str, MeterStatus]]:
    assert process.stdout is not None
    for line in lines_of(process.stdout.fileno(), timeout_s, first_timeout_s=START_TIMEOUT_S):
        answer = json.loads(line)
        if "status" in answer:
            yield answer["name"], MeterStatus.model_validate(answer["status"])
        elif "level" in answer:
            logger.log(answer["level"], "%s", answer["message"])


def _ending(process: subprocess.Popen[bytes], timeout_s: float) -> str:
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return "closed its standard output"
    return f"was {how_it_ended(code)}" if code < 0 else how_it_ended(code)
