"""The parent's side of the sampler: a process of its own, so that inference and sampling share no interpreter lock."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.core.processes.answers import how_it_ended, lines_of
from llenergymeasure.core.processes.stop_signals import stop_signals_blocked
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.domain.trace import Channel, EnergyTrace, LeftOut, MeterPace, sample_dtype
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.opening import REMEDY, name_of
from llenergymeasure.meters.sampling.recent import SPAN_NS, recent_power_w, recent_temperature_c
from llenergymeasure.meters.sampling.spool import SpoolReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
"""For each step of the start: the imports, and the opening and the first reading of each meter."""
STOP_TIMEOUT_S = 10.0
TAIL_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class _Stuck:
    """A meter with which the sampler's process does not come up."""

    meter: str
    cause: str


class Sampler:
    """Samples meters into the file `spool` from `start` to `stop`; the trace is kept however the process ends.

    All of `meters` are required, unless there are `fallbacks`: then those that can be opened are read, or where none
    can, the first fallback that can. `step_timeout_s` is for the opening and the first reading of each.
    `spool` and its log, `.log`, stay where they are.
    """

    def __init__(
        self,
        meters: Sequence[type[Meter]],
        options: MeterOptions,
        clock: AnchoredClock,
        spool: Path,
        *,
        fallbacks: Sequence[type[Meter]] = (),
        step_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.channels: tuple[Channel, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()
        """Sensors of the meters that could not be read, or were not to be."""
        self.unavailable: dict[str, str] = {}
        """Meters that were left out for others, with the reason."""
        self.paces: tuple[MeterPace, ...] = ()
        """How often each meter is to be read, and how long that takes: first at the start, after `stop` at the end."""
        self._meters = tuple(meters)
        self._fallbacks = tuple(fallbacks)
        self._step_timeout_s = step_timeout_s
        self._options = options
        self._clock = clock
        self._spool = spool
        self._reader = SpoolReader(spool)
        self._process: subprocess.Popen[bytes] | None = None
        self._trace: EnergyTrace | None = None

    def start(self) -> None:
        """Start the process and return when it has read every meter once.

        Raises:
            MeterError: a meter could not be opened, or the process did not come up; with its reason.
        """
        answer = self._start_once()
        while isinstance(answer, _Stuck):
            self._leave_out(answer)
            answer = self._start_once()
        self.unavailable |= answer["unavailable"]
        self.channels = tuple(Channel.model_validate(channel) for channel in answer["channels"])
        self.left_out += tuple(LeftOut.model_validate(each) for each in answer["left_out"])
        self._note_paces(answer)

    def _start_once(self) -> dict[str, Any] | _Stuck:
        """Start the process and return its answer, or which meter keeps it from answering."""
        with (
            self._log.open("wb") as log,
            stop_signals_blocked(),
        ):  # they reach the whole group, also while it starts
            self._process = subprocess.Popen(
                python_command("llenergymeasure.meters.sampling.process"),
                env=python_environment(os.environ),
                stdin=subprocess.PIPE,  # held open: its end tells the sampler that its parent is gone
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=() if self._reader.memory is None else (self._reader.memory,),
            )
        try:
            self._hand_over_job(self._process)
            sample_dtype()  # imports numpy while the process starts, not in the middle of a measurement
            answer = self._await_answer(self._process)
        except BaseException:
            self._process.kill()
            self._end(self._process)
            raise
        if isinstance(answer, _Stuck):
            self._process.kill()
            self._end(self._process)
        elif "error" in answer:
            self._end(self._process)
            raise MeterError(answer["error"])
        return answer

    def _leave_out(self, stuck: _Stuck) -> None:
        """Go on without a meter that hangs or ends the process, where other ones may stand in for it.

        Raises:
            MeterError: the meter was named, or is the last resort.
        """
        others = tuple(each for each in self._meters if name_of(each) != stuck.meter)
        if not self._fallbacks or len(others) == len(self._meters):
            raise MeterError(f"meter '{stuck.meter}' cannot be read: {stuck.cause} → {REMEDY}")
        self._meters = others
        self._spool.unlink(missing_ok=True)  # it has the numbers of other channels
        self._reader = SpoolReader(self._spool)
        self.unavailable[stuck.meter] = stuck.cause
        sensor = LeftOut(
            meter=stuck.meter,
            domain="system",
            device=stuck.meter,
            label="Every sensor",
            reason=stuck.cause,
            remedy=REMEDY,
        )
        self.left_out += (sensor,)

    @property
    def alive(self) -> bool:
        """Whether samples are being taken."""
        return self._process is not None and self._trace is None and self._process.poll() is None

    @property
    def is_estimated(self) -> bool:
        """Whether the power of one of the included channels comes from a model, not a sensor."""
        return any(each.method == "estimated" for each in self.channels if each.included_in_total)

    @property
    def pid(self) -> int | None:
        """The sampler's process, to measure what sampling costs."""
        return None if self._process is None else self._process.pid

    def failure(self) -> str | None:
        """Return why the process ended before it was asked to; None where it did not."""
        if self._trace is not None:
            return self._trace.interrupted
        if self._process is None or self._process.poll() is None:
            return None
        return self._cause(self._process.returncode)

    def recent_power_w(self) -> float | None:
        """Return the mean power of the included channels over the last second; None where one of them is unknown."""
        return recent_power_w(self.channels, self._recent()) if self.alive else None

    def recent_temperature_c(self) -> float | None:
        """Return the temperature of the hottest device over the last second; None where a GPU reports none."""
        return recent_temperature_c(self.channels, self._recent()) if self.alive else None

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        """Return the samples taken from `since_ns` on, until now; all of them by default.

        It costs little, however long the run has lasted. The energy of an interval depends on the readings around its
        edges: ask from a few seconds before it.
        """
        if self._trace is not None and since_ns is None:
            return self._trace
        return EnergyTrace(
            channels=self.channels,
            by_channel=self._reader.read(len(self.channels), since_ns),
            interrupted=self.failure(),
        )

    def stop(self) -> EnergyTrace:
        """End the process in order and return the whole trace; again the same when called again."""
        if self._trace is None:
            failure = self.failure()
            if self._process is not None:
                self._end(self._process)
            samples = self._reader.read(len(self.channels))
            self._trace = EnergyTrace(channels=self.channels, by_channel=samples, interrupted=failure)
            self._report_log()
        return self._trace

    def _recent(self) -> tuple[NDArray[Any], ...]:
        return self._reader.read(len(self.channels), self._clock.now_ns() - SPAN_NS)

    @property
    def _log(self) -> Path:
        return self._spool.with_suffix(".log")

    def _hand_over_job(self, process: subprocess.Popen[bytes]) -> None:
        job = {
            "meters": [_target(meter) for meter in self._meters],
            "fallbacks": [_target(meter) for meter in self._fallbacks],
            "options": self._options.model_dump(mode="json"),
            "offset_ns": self._clock.offset_ns,
            "spool": str(self._spool),
            "memory": self._reader.memory,
            "path": [entry for entry in sys.path if entry],  # an empty one is the current folder
            "parent": os.getpid(),
        }
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            logger.debug("the sampler was gone before its job reached it")

    def _await_answer(self, process: subprocess.Popen[bytes]) -> dict[str, Any] | _Stuck:
        assert process.stdout is not None
        trying, pipe = None, process.stdout.fileno()
        try:
            for line in lines_of(pipe, self._step_timeout_s, first_timeout_s=START_TIMEOUT_S):
                answer: dict[str, Any] = json.loads(line)
                if "trying" not in answer:
                    return answer
                trying = answer["trying"]
            cause = self._cause(process.wait())
        except TimeoutError:
            limit_s = START_TIMEOUT_S if trying is None else self._step_timeout_s
            cause = f"the sampler did not answer within {limit_s:.0f} s"
        if trying is not None:
            return _Stuck(meter=trying, cause=cause)
        raise MeterError(f"the sampler did not start: {cause}")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except BrokenPipeError:
            logger.debug("the sampler was gone before its job reached it")
        until_s = time.monotonic() + STOP_TIMEOUT_S
        if not process.stdout.closed:
            self._take_last_answer(process.stdout.fileno())
        try:
            process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("the sampler did not end within %.0f s and was killed", STOP_TIMEOUT_S)
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # it waits within a driver, and cannot be killed
                process.wait(STOP_TIMEOUT_S)
        process.stdout.close()

    def _take_last_answer(self, pipe: int) -> None:
        """Read what the process says of its readings when it ends; one that was killed says nothing."""
        with suppress(TimeoutError, ValueError):
            for line in lines_of(pipe, STOP_TIMEOUT_S, first_timeout_s=STOP_TIMEOUT_S):
                self._note_paces(json.loads(line))

    def _note_paces(self, answer: dict[str, Any]) -> None:
        if "paces" in answer:
            self.paces = tuple(MeterPace.model_validate(each) for each in answer["paces"])

    def _cause(self, returncode: int) -> str:
        last_line = self._log_tail().splitlines()[-1:] if returncode >= 0 else []
        return ": ".join([f"sampler {how_it_ended(returncode)}", *last_line])

    def _log_tail(self) -> str:
        if not self._log.exists():
            return ""
        return self._log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()

    def _report_log(self) -> None:
        text = self._log_tail()
        if text:
            logger.warning("the sampler reported: %s", text)


def _target(meter: type[Meter]) -> str:
    return f"{meter.__module__}:{meter.__qualname__}"
