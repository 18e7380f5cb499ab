"""The files of a job folder, by which a worker and the process that submitted the job speak to each other."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.core.files.durable import replace_text
from llenergymeasure.core.processes.identity import this_process
from llenergymeasure.domain.job import JOB_FORMAT, Job, Outcome
from llenergymeasure.domain.progress import RunEvent, parse_event
from llenergymeasure.exceptions import ExperimentError, error_named

logger = logging.getLogger(__name__)

JOB = "job.json"
OUTCOME = "outcome.json"
"""How the job ended; missing where the worker could not write it."""
EVENTS = "events.jsonl"
"""All events of the run, one a line."""
LOG = "worker.log"
"""Standard output and error of the worker: what its libraries print."""
WORKER = "worker.txt"
"""Key of the worker's process (`core/processes/identity.py`)."""
SPOOL = "spool"
"""Folder of the raw samples and requests while the run goes on."""


def write_job(folder: Path, job: Job) -> None:
    """Write a job into an empty folder."""
    (folder / SPOOL).mkdir()
    replace_text(folder / JOB, job.model_dump_json(indent=2) + "\n")


def read_job(folder: Path) -> Job:
    """Read the job of a folder.

    Raises:
        ExperimentError: there is none, it cannot be read, or it has a newer format.
    """
    path = folder / JOB
    try:
        document = json.loads(path.read_bytes())
        found = document.get("format") if isinstance(document, dict) else None
        if isinstance(found, int) and found > JOB_FORMAT:
            raise ExperimentError(
                f"{path} has format {found}, and this llenergymeasure reads {JOB_FORMAT}: "
                "install the same release for the worker as for llem"
            )
        return Job.model_validate(document)
    except OSError as error:
        raise ExperimentError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ExperimentError(f"{path} is not a job: {where}: {first['msg']}") from None
    except ValueError as error:
        raise ExperimentError(f"{path} is not a job: {error}") from None


def sign_job(folder: Path) -> None:
    """Write which process works on the job; where that fails, nobody will know that it is gone."""
    with suppress(OSError):
        replace_text(folder / WORKER, this_process() or "")


def read_worker(folder: Path) -> str | None:
    """Return the key of the process that works, or worked, on the job; None where none has begun."""
    try:
        return (folder / WORKER).read_text(encoding="utf-8") or None
    except (OSError, ValueError):
        return None


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write how a job ended, in one step."""
    replace_text(folder / OUTCOME, outcome.model_dump_json(indent=2) + "\n")


def read_outcome(folder: Path) -> Outcome | None:
    """Return how a job ended; None where the worker wrote nothing that can be read."""
    try:
        return Outcome.model_validate_json((folder / OUTCOME).read_bytes())
    except (OSError, ValueError) as error:
        logger.debug("no outcome in %s: %s", folder, error)
    return outcome_told(EventReader(folder).unread())


def outcome_told(events: Iterable[RunEvent]) -> Outcome | None:
    """Return the outcome that the last event of a run states; None where the run has not ended."""
    last = next((each for each in reversed(list(events)) if each.kind in ("done", "failed")), None)
    if last is None:
        return None
    if last.kind == "done":
        return Outcome(status="done", bundle=last.bundle)
    told = last.model_dump(include={"bundle", "error", "message"})
    return Outcome(status="failed", exit_code=error_named(last.error).exit_code, **told)


def event_of(outcome: Outcome) -> RunEvent:
    """Return the last event of a run, which states how it ended."""
    return RunEvent(kind=outcome.status, **outcome.model_dump(include={"bundle", "error", "message"}))


class EventLog:
    """Appends events to a file: neither a reader nor a disk that is slow, stopped or gone holds up the run.

    Where the disk is full they are written to `instead`, an open file.
    """

    def __init__(self, folder: Path, instead: int) -> None:
        self._file = BackgroundFile(folder / EVENTS, instead=instead)

    def append(self, event: RunEvent) -> None:
        """Write one event soon; where that fails the run goes on."""
        self._file.put(event.model_dump_json(exclude_none=True).encode() + b"\n")

    def close(self) -> None:
        """Write what is not written yet, as far as the disk answers within seconds."""
        self._file.close()


def parsed(lines: bytes) -> list[RunEvent]:
    """Return the events of lines, without those that this release does not know."""
    events = (parse_event(line) for line in lines.splitlines())
    return [event for event in events if event is not None]


class EventReader:
    """Reads events from a file that grows; kinds and fields of a newer worker are ignored."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._offset = 0

    def unread(self, more: bytes = b"") -> Iterator[RunEvent]:
        """Yield the events whose lines are complete and were not yielded before, then those of the lines `more`.

        Of progress events in a row only the last is given: a listener that is slower than the run hears of its
        present state, not of all that it missed.
        """
        waiting: RunEvent | None = None
        for event in parsed(self._read() + more):
            if waiting is not None and event.kind != "progress":
                yield waiting
            waiting = event if event.kind == "progress" else None
            if waiting is None:
                yield event
        if waiting is not None:
            yield waiting

    def _read(self) -> bytes:
        """Return the complete lines that are new; none where the folder cannot be read, now or any more."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError as error:
            logger.debug("no events in %s: %s", self._path, error)
            return b""
        complete = new[: new.rfind(b"\n") + 1]
        self._offset += len(complete)
        return complete
