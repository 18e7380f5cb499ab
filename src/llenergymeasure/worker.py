"""The process that measures: job folder in, bundle on disk, outcome and events in the job folder."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from llenergymeasure.core.own_process import begin_own_process
from llenergymeasure.core.processes.answers import take_over_stdout
from llenergymeasure.core.processes.process_group import end_process_group
from llenergymeasure.core.processes.stop_signals import (
    ignore_stop_signals,
    interrupt_on_stop_signals,
    stop_is_asked,
    unblock_stop_signals,
)
from llenergymeasure.domain.job import Outcome
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.exceptions import (
    ExperimentError,
    InterruptedExperimentError,
    LLEMError,
    PreFlightError,
)
from llenergymeasure.foreign_code import internal_error, limit_reached
from llenergymeasure.launchers.job_folder import EventLog, event_of, sign_job, write_outcome
from llenergymeasure.launchers.local import WATCH_PARENT

parent_gone = threading.Event()


def main(arguments: list[str]) -> int:
    """Run the job in a folder, `FOLDER [--watch-parent]`; return the exit code of its outcome."""
    begin_own_process()
    folder = Path(arguments[0])
    standard_output = take_over_stdout()
    # While it stops in order, further ones are ignored. SIGINT is how `llem` passes a stop on: it counts also where a
    # shell started `llem` in the background, and so with SIGINT ignored.
    interrupt_on_stop_signals(once=True, always=(signal.SIGINT,))
    try:
        events = EventLog(folder, standard_output)
        if WATCH_PARENT in arguments[1:]:
            _watch_parent()
    except RuntimeError as error:  # no thread can be started
        outcome = _unexpected(error)
        write_outcome(folder, outcome)
        return outcome.exit_code
    _forward_warnings(events)
    sign_job(folder)
    outcome = _outcome(folder, events)
    ignore_stop_signals()
    with suppress(OSError):  # a full disk; the last event says the same
        write_outcome(folder, outcome)
    events.append(event_of(outcome))
    events.close()
    if parent_gone.is_set():
        _clean_up(folder, outcome)
    os.close(standard_output)
    return outcome.exit_code


def _outcome(folder: Path, events: EventLog) -> Outcome:
    try:
        unblock_stop_signals()
        from llenergymeasure.orchestration.experiment import execute

        return Outcome(status="done", bundle=str(execute(folder, events.append)))
    except LLEMError as error:
        if stop_is_asked() and not isinstance(error, ExperimentError):
            return _stopped_early()
        return _failed(type(error), str(error), error.bundle)
    except KeyboardInterrupt:
        return _stopped_early()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the parent process must learn of a defect too
        if stop_is_asked():  # code of others makes an error of an interrupt
            return _stopped_early()
        return _unexpected(error)


def _unexpected(error: BaseException) -> Outcome:
    limit = limit_reached(error)
    return _failed(PreFlightError, limit) if limit else _failed(LLEMError, internal_error(error))


def _stopped_early() -> Outcome:
    return _failed(InterruptedExperimentError, "interrupted before the measurement began")


def _failed(error: type[LLEMError], message: str, bundle: Path | None = None) -> Outcome:
    kept = None if bundle is None else str(bundle)
    return Outcome(
        status="failed", error=error.__name__, exit_code=error.exit_code, message=message, bundle=kept
    )


def _forward_warnings(events: EventLog) -> None:
    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append(RunEvent(kind="log", level=record.levelname.lower(), message=record.getMessage()))

    handler = Forward(level=logging.WARNING)
    logging.getLogger("llenergymeasure").addHandler(handler)


def _watch_parent() -> None:
    """Stop in order when the parent process is gone: its end of our standard input closes with it.

    Whatever else reads standard input, such as the code that a model brings, finds its end at once and does not wait.
    """
    parent = -1  # where standard input is closed: reading it fails at once, as its end would
    with suppress(OSError):
        parent = os.dup(0)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        with suppress(OSError):  # a closed standard input has ended too
            while os.read(parent, 4096):
                pass
        parent_gone.set()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _clean_up(folder: Path, outcome: Outcome) -> None:
    """Do what the parent process would have done: end what is left of our process group, and remove the job folder."""
    from llenergymeasure.orchestration.jobs import finish_job

    if os.getpgrp() == os.getpid():
        end_process_group(os.getpid(), spare={os.getpid()})
    finish_job(folder, outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
