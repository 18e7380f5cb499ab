"""Claims about a job folder on a disk that takes no more: what the worker says goes another way."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.domain.job import Outcome
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.launchers.job_folder import (
    EVENTS,
    EventLog,
    EventReader,
    event_of,
    outcome_told,
    parsed,
    read_outcome,
)

FAILED = Outcome(
    status="failed", bundle="kept", error="MeterError", exit_code=5, message="the meter is gone → buy one"
)
PHASE = RunEvent(kind="phase", phase="window", repeat=0)


def _read(pipe: int) -> bytes:
    pieces = b""
    while piece := os.read(pipe, 1 << 16):
        pieces += piece
    return pieces


def test_events_that_the_folder_has_no_room_for_go_to_the_other_file(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to("/dev/full")
    pipe, other = os.pipe()
    log = EventLog(tmp_path, other)
    log.append(PHASE)
    log.append(event_of(FAILED))
    log.close()
    os.close(other)
    told = _read(pipe)
    (tmp_path / EVENTS).unlink()
    assert list(EventReader(tmp_path).unread(told)) == [PHASE, event_of(FAILED)]
    assert outcome_told(parsed(told)) == FAILED


@pytest.mark.parametrize("outcome", [FAILED, Outcome(status="done", bundle="here")])
def test_an_outcome_that_had_no_room_is_read_from_the_last_event(tmp_path: Path, outcome: Outcome) -> None:
    lines = [PHASE.model_dump_json(), event_of(outcome).model_dump_json(exclude_none=True)]
    (tmp_path / EVENTS).write_text("\n".join(lines) + "\n")
    assert read_outcome(tmp_path) == outcome


def test_a_run_that_goes_on_has_no_outcome(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text(PHASE.model_dump_json() + '\n{"kind": "do')
    assert read_outcome(tmp_path) is None


def test_a_folder_that_cannot_be_read_any_more_has_no_new_events(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to(EVENTS)
    assert list(EventReader(tmp_path).unread()) == []


def test_a_full_disk_is_told_once_and_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "lines").symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING):
        file = BackgroundFile(tmp_path / "lines")
        for line in (b"a\n", b"b\n"):
            file.put(line)
        file.close()
    (warning,) = caplog.messages
    assert "lines: No space left on device; what is measured from here on is kept in memory" in warning
    assert file.lost == 2
