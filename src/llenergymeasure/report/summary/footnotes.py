"""What is so of several values, said once below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llenergymeasure.report.summary.document import Block, Note, Notes, Rows


def with_footnotes(groups: Sequence[Rows]) -> tuple[Block, ...]:
    """Return groups of rows with a number at each value that has a footnote, and the footnotes below the last group."""
    texts = dict.fromkeys(row.footnote for group in groups for row in group.rows if row.footnote)
    marks = {text: f"[{number}]" for number, text in enumerate(texts, start=1)}
    numbered = tuple(
        replace(
            group,
            rows=tuple(
                replace(row, value=f"{row.value} {marks[row.footnote]}") if row.footnote else row
                for row in group.rows
            ),
        )
        for group in groups
    )
    notes = tuple(Note(lead=mark, text=text) for text, mark in marks.items())
    return (*numbered, Notes(notes=notes)) if notes else numbered
