"""What a run has recorded so far: facts, phases, requests, and the events for its parent process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from llenergymeasure.backends.base import ReportsSteps
from llenergymeasure.backends.guarded import wrong_return
from llenergymeasure.backends.of_a_server import ReportsServerCounters
from llenergymeasure.backends.returned import peaks_problem
from llenergymeasure.core.clock import Clock
from llenergymeasure.core.processes.stop_signals import stop_is_asked
from llenergymeasure.domain.interference import HoldUp
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import Phase, PhaseName
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.metering import Metering, Unmetered
from llenergymeasure.harness.request_log import RequestLog
from llenergymeasure.harness.step_log import StepLog
from llenergymeasure.load.planning.schedule_log import ScheduleLog

logger = logging.getLogger(__name__)

Emit = Callable[[RunEvent], None]
PROGRESS_PERIOD_S = 0.25
SERVING: tuple[PhaseName, ...] = ("cache_fill", "warmup", "window")
"""Phases after which the steps of the engine are taken."""


class Memory(Protocol):
    """The part of a backend that knows the most memory in use since a moment."""

    @property
    def name(self) -> str: ...

    def reset_peak_memory(self) -> None:
        """Begin a new peak."""
        ...

    def peak_memory_bytes(self) -> dict[str, int]:
        """Return the peak since then, by device."""
        ...


def ignore_event(_event: RunEvent) -> None:
    """An `Emit` for callers who do not listen."""


def run_now(work: Callable[[], None]) -> None:
    """Do it at once, in the thread of the caller."""
    work()


class LatestInBackground:
    """Does work in a thread of its own; of what waits only the latest is done, so that nobody waits for it."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._do_all, name="progress", daemon=True)
        self._thread.start()

    def __call__(self, work: Callable[[], None]) -> None:
        with suppress(Empty):
            self._work.get_nowait()
        self._work.put(work)

    def close(self) -> None:
        """Wait a moment for what is being done, and do nothing more."""
        self._work.put(None)
        self._thread.join(PROGRESS_PERIOD_S)

    def _do_all(self) -> None:
        while (work := self._work.get()) is not None:
            self._do(work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a report that fails must not end those after it
            logger.debug("no progress could be told: %s", error)


@dataclass
class Recorder:
    """The growing raw tables and facts of one run; an interrupted run keeps what they hold."""

    clock: Clock
    emit: Emit = ignore_event
    facts: RunFacts = field(default_factory=lambda: RunFacts(experiment_id=""))
    spool: Path = Path()
    """Folder of what is written while the run goes on."""
    phases: list[Phase] = field(default_factory=list)
    requests: RequestLog = field(default_factory=RequestLog)
    schedule: ScheduleLog = field(default_factory=ScheduleLog)
    hold_ups: list[HoldUp] = field(default_factory=list)
    client: list[ClientWindow] = field(default_factory=list)
    in_background: Callable[[Callable[[], None]], None] = run_now
    """Runs what makes and tells a progress event, which may read files."""
    metering: Metering = field(default_factory=Unmetered)
    """Set when metering begins; it keeps its trace when it ends."""
    memory: Memory | None = None
    """Set when the model is loaded; asked in each window."""
    server: ReportsServerCounters | None = None
    """Set when the model is loaded, where a server counts itself; asked before and after each window."""
    steps: StepLog = field(default_factory=StepLog)
    engine: ReportsSteps | None = None
    """Set when the model is loaded, where the backend reports steps; asked after the warm-up and after each window."""
    _last_progress_s: float = 0.0
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def note(self, **facts: Any) -> None:
        """Set fields of the run's facts, from any thread."""
        with self._noting:
            self.facts = RunFacts.model_validate({**dict(self.facts), **facts})

    @contextmanager
    def phase(self, name: PhaseName, repeat: int | None = None, rung: int | None = None) -> Iterator[None]:
        """Mark a phase that is timed from here to the end of the block, also when the block fails.

        Raises:
            KeyboardInterrupt: a stop was asked for, and code of others swallowed the interrupt.
        """
        if stop_is_asked():
            raise KeyboardInterrupt
        self.emit(RunEvent(kind="phase", phase=name, repeat=repeat, t_unix_ns=self.clock.now_ns()))
        memory = _begin_peaks(self.memory) if name == "window" else None
        start = self.clock.now_ns()
        complete = False
        try:
            yield
            complete = True
        finally:
            end = self.clock.now_ns()
            phase = Phase(
                name=name,
                start_unix_ns=start,
                end_unix_ns=end,
                repeat=repeat,
                rung=rung,
                complete=complete,
            )
            peaks, problem = _peaks(memory)
            self.phases.append(replace(phase, peak_memory_bytes=peaks))
            if not complete:
                self._take_steps_of_failed(name)
        if problem is not None:
            raise problem
        if self.engine is not None and name in SERVING:
            self.steps.take(self.engine)

    def _take_steps_of_failed(self, name: PhaseName) -> None:
        """Take the steps of a phase that was stopped or failed; that error is the one to report."""
        try:
            if self.engine is not None and name in SERVING:
                self.steps.take(self.engine)
        except Exception as error:  # noqa: BLE001 - inference software
            logger.debug("the steps of %s are unknown: %s", name, error)

    def last(self, name: PhaseName) -> Phase | None:
        """Return the latest finished phase of that name."""
        return next((phase for phase in reversed(self.phases) if phase.name == name), None)

    def progress(self, make: Callable[[], RunEvent]) -> None:
        """Tell how far the run is, a few times a second at most, so that telling costs nothing."""
        now = time.monotonic()
        if now - self._last_progress_s >= PROGRESS_PERIOD_S:
            self._last_progress_s = now
            self.in_background(lambda: self.tell(make()))

    def tell(self, event: RunEvent) -> None:
        """Emit an event now, with a mark where its power comes from a model."""
        estimated = self.metering.is_estimated and event.power_w is not None
        self.emit(event.model_copy(update={"power_is_estimated": True}) if estimated else event)


def _begin_peaks(memory: Memory | None) -> Memory | None:
    """Return the memory whose peaks begin anew; None where it cannot, so that no older peak is taken for a window's."""
    try:
        if memory is not None:
            memory.reset_peak_memory()
    except Exception as error:  # noqa: BLE001 - inference software
        logger.debug("the peak memory of a window will be unknown: %s", error)
        return None
    return memory


def _peaks(memory: Memory | None) -> tuple[tuple[tuple[str, int], ...], BackendError | None]:
    """Return the peaks by device, and the error where they cannot be.

    A device in an error state may not answer any more; the error that put it there is the one to report.
    """
    if memory is None:
        return (), None
    try:
        peaks = memory.peak_memory_bytes()
    except Exception as error:  # noqa: BLE001 - inference software
        logger.debug("the peak memory of a window is unknown: %s", error)
        return (), None
    problem = peaks_problem(peaks)
    if problem is not None:
        return (), wrong_return(memory.name, "peak_memory_bytes", problem)
    return tuple(peaks.items()), None
