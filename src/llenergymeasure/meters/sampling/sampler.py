"""The parent's side of the sampler: a process of its own, so that inference and sampling share no interpreter lock."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.trace import Channel, EnergyTrace, sample_dtype
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.recent import recent_power_w, recent_temperature_c

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
TAIL_CHARACTERS = 500


class Sampler:
    """Samples meters into `spool` from `start` to `stop`; the trace is kept however the process ends."""

    def __init__(
        self, meters: Sequence[type[Meter]], options: MeterOptions, clock: AnchoredClock, spool: Path
    ) -> None:
        self.channels: tuple[Channel, ...] = ()
        self._meters = tuple(meters)
        self._options = options
        self._clock = clock
        self._spool = spool
        self._process: subprocess.Popen[bytes] | None = None
        self._trace: EnergyTrace | None = None

    def start(self) -> None:
        """Start the process and return when it has read every meter once.

        Raises:
            MeterError: a meter could not be opened, or the process did not come up; with its reason.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "llenergymeasure.meters.sampling.process"],
                stdin=subprocess.PIPE,  # held open: its end tells the sampler that we are gone
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self._hand_over_job(self._process)
            answer = self._await_answer(self._process)
        except BaseException:
            self._process.kill()
            self._end(self._process)
            raise
        if "error" in answer:
            self._end(self._process)
            raise MeterError(answer["error"])
        self.channels = tuple(Channel.model_validate(channel) for channel in answer["channels"])

    @property
    def alive(self) -> bool:
        """Whether samples are being taken."""
        return self._process is not None and self._trace is None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process, for whoever looks at what sampling costs."""
        return None if self._process is None else self._process.pid

    def failure(self) -> str | None:
        """Return why the process ended before it was told to; None where it did not."""
        if self._trace is not None:
            return self._trace.interrupted
        if self._process is None or self._process.poll() is None:
            return None
        return self._cause(self._process.returncode)

    def latest_power_w(self) -> float | None:
        """Return the power of all counted channels over the last second; None where one of them is not known."""
        if not self.alive:
            return None
        return recent_power_w(self._spool, self.channels, self._clock.now_ns())

    def latest_temperature_c(self) -> float | None:
        """Return the temperature of the hottest device, over the last second; None where a GPU does not say."""
        if not self.alive:
            return None
        return recent_temperature_c(self._spool, self.channels, self._clock.now_ns())

    def trace_so_far(self) -> EnergyTrace:
        """Return all samples taken until now."""
        if self._trace is not None:
            return self._trace
        return EnergyTrace(
            channels=self.channels, samples=_read_spool(self._spool), interrupted=self.failure()
        )

    def stop(self) -> EnergyTrace:
        """End the process in order and return the whole trace; again the same when called again."""
        if self._trace is None:
            failure = self.failure()
            if self._process is not None:
                self._end(self._process)
            self._trace = EnergyTrace(
                channels=self.channels, samples=_read_spool(self._spool), interrupted=failure
            )
            self._tell_complaints()
        return self._trace

    @property
    def _log(self) -> Path:
        return self._spool.with_suffix(".log")

    def _hand_over_job(self, process: subprocess.Popen[bytes]) -> None:
        job = {
            "meters": [f"{meter.__module__}:{meter.__qualname__}" for meter in self._meters],
            "options": self._options.model_dump(mode="json"),
            "offset_ns": self._clock.offset_ns,
            "spool": str(self._spool),
            "path": sys.path,
            "parent": os.getpid(),
        }
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            logger.debug("the sampler was gone before its job reached it")

    def _await_answer(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        if not ready:
            raise MeterError(f"the sampler did not answer within {START_TIMEOUT_S:.0f} s; see `llem doctor`")
        line = process.stdout.readline()
        if not line:
            raise MeterError(f"the sampler did not start: {self._cause(process.wait())}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except BrokenPipeError:
            logger.debug("the sampler was gone before its job reached it")
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            logger.warning("the sampler did not end within %.0f s and was killed", STOP_TIMEOUT_S)
            process.kill()
            process.wait()
        process.stdout.close()

    def _cause(self, returncode: int) -> str:
        if returncode < 0:
            return f"sampler killed by signal {-returncode} ({signal.Signals(-returncode).name})"
        last_words = self._complaints().splitlines()[-1:]
        return ": ".join([f"sampler ended with code {returncode}", *last_words])

    def _complaints(self) -> str:
        if not self._log.exists():
            return ""
        return self._log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()

    def _tell_complaints(self) -> None:
        complaints = self._complaints()
        if complaints:
            logger.warning("the sampler said: %s", complaints)


def _read_spool(spool: Path) -> Any:
    """Return the whole records of the spool in time order; a record cut short by a kill is left out."""
    import numpy as np

    dtype = sample_dtype()
    if not spool.exists():
        return np.empty(0, dtype=dtype)
    raw = spool.read_bytes()
    samples = np.frombuffer(raw, dtype=dtype, count=len(raw) // dtype.itemsize)
    return samples[np.argsort(samples["t_unix_ns"], kind="stable")]
