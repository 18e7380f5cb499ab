"""Results side by side: their headline figures, what differs between them, and their warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.reports.comparison import Comparison, Difference
from llenergymeasure.report.summary.document import (
    Block,
    Document,
    Grid,
    Note,
    Notes,
    Paragraph,
    Row,
    Rows,
    Tone,
)
from llenergymeasure.report.summary.figure_rows import stated_estimate
from llenergymeasure.report.summary.format import estimate_text
from llenergymeasure.report.summary.result import VERDICTS

COLUMNS = (
    ("energy_per_output_token_j", "energy per output token"),
    ("ttft_s", "time to first token"),
    ("output_tokens_per_s", "output speed"),
)
"""Figures of the table, by name, with the heads of their columns."""
HEAD = ("result", "backend", *(head for _, head in COLUMNS), "verdict")


def comparison_document(results: Sequence[ExperimentResult], comparison: Comparison) -> Document:
    """Return the table, the differences beneath it, and what is not known of each."""
    letters = [letter(place) for place in range(len(results))]
    lines = tuple(tuple(_line(name, result)) for name, result in zip(letters, results, strict=True))
    blocks: list[Block] = [Grid(head=HEAD, lines=lines)]
    bending = [each for each in comparison.differences if each.bends]
    others = [each for each in comparison.differences if not each.bends]
    blocks += _notes("Differences that bend the comparison", bending, letters)
    blocks += _notes("Other differences", others, letters)
    if not comparison.differences:
        blocks.append(Paragraph(text="Nothing that these results state differs but the figures."))
    if comparison.unknown:
        names = ", ".join(each[0].lower() + each[1:] for each in comparison.unknown)
        blocks.append(Paragraph(text=f"Not stated by all of them: {names}."))
    blocks += _warnings(letters, results)
    named = zip(letters, comparison.bundles, strict=True)
    blocks.append(Rows(rows=tuple(Row(label=name, value=bundle) for name, bundle in named)))
    return Document(blocks=tuple(blocks))


def letter(place: int) -> str:
    """Return the name of a result in the table: A to Z, then A1, B1..."""
    number, rest = divmod(place, 26)
    return chr(ord("A") + rest) + (str(number) if number else "")


def _line(name: str, result: ExperimentResult) -> Iterator[str]:
    yield name
    yield result.backend
    for figure, _ in COLUMNS:
        estimate = stated_estimate(result, figure)
        yield "unknown" if estimate is None else estimate_text(estimate) + _mark(estimate.method)
    yield VERDICTS[result.verdict]


def _mark(method: str) -> str:
    """Return what has to stand beside a figure that comes from a model and not from a meter."""
    return " (estimated)" if method == "estimated" else ""


def _notes(heading: str, differences: Sequence[Difference], letters: Sequence[str]) -> list[Notes]:
    notes = tuple(
        Note(
            lead="!" if each.bends else "·",
            tone="warning" if each.bends else "detail",
            text=f"{each.label}: {_values(each, letters)}",
            remedy=each.consequence,
        )
        for each in differences
    )
    return [Notes(notes=notes, heading=heading)] if notes else []


def _values(difference: Difference, letters: Sequence[str]) -> str:
    named = zip(letters, difference.values, strict=True)
    return "; ".join(f"{name} {'does not say' if value is None else value}" for name, value in named)


def _warnings(letters: Sequence[str], results: Sequence[ExperimentResult]) -> list[Notes]:
    """Return the warnings of each result by their codes: `llem show` says what they mean."""
    notes = []
    for name, result in zip(letters, results, strict=True):
        codes = dict.fromkeys(each.code for each in result.warnings if each.severity != "info")
        if codes:
            tone: Tone = "bad" if result.verdict == "invalid" else "warning"
            notes.append(Note(lead="!", tone=tone, text=f"{name}: {', '.join(codes)}"))
    return [Notes(notes=tuple(notes), heading="Warnings, as `llem show` explains them")] if notes else []
