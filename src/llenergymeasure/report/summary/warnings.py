"""The warnings of a run as notes."""

from __future__ import annotations

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.report.summary.document import Note, Tone

TONES: dict[str, Tone] = {"info": "info", "warning": "warning", "invalid": "bad"}


def warning_note(warning: RunWarning) -> Note:
    """Return a warning with its severity, code, sentence and remedy."""
    return Note(
        lead=f"{warning.severity} {warning.code}:",
        text=warning.message,
        remedy=warning.remedy,
        tone=TONES[warning.severity],
    )
