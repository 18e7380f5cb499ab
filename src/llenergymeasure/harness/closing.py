"""Closing what a run opened: a failure there costs nothing that was measured, and hides no earlier one."""

from __future__ import annotations

from collections.abc import Callable

from llenergymeasure.exceptions import LLEMError
from llenergymeasure.foreign_code import described
from llenergymeasure.harness.recorder import Recorder


def close_and_note(close: Callable[[], None], log: Recorder) -> None:
    """Close something; where that fails, the facts of the run say so."""
    try:
        close()
    except Exception as error:  # noqa: BLE001 - what was measured does not depend on it
        note_closing_fault(log, error)


def note_closing_fault(log: Recorder, error: BaseException) -> None:
    """Add a failure to the facts of a run, which has measured all that it will."""
    fault = str(error) if isinstance(error, LLEMError) else described(error)
    log.note(closing_faults=(*log.facts.closing_faults, fault))
