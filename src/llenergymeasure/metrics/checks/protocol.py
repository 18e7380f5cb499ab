"""Doubts about the protocol: windows too short, too few, or too different."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.inputs import CheckInputs

MIN_REPEATS = 3
SHORT_WINDOW_S = 1.0
EMPTY_SHARE = 0.05
"""Of the answers, from which on the cost per output token says something else than it seems to."""


def check_window_is_long(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Windows too short, or too few, to say much."""
    rows = evidence.rows
    if rows and min(row.duration_s for row in rows) < SHORT_WINDOW_S:
        shortest = min(row.duration_s for row in rows)
        yield RunWarning(
            code="window_short",
            message=f"The shortest window lasted {shortest:.2f} s, under {SHORT_WINDOW_S:.0f} s.",
            remedy="Raise measurement.window.min_duration_s or workload.n_prompts.",
        )
    if len(rows) < MIN_REPEATS:
        yield RunWarning(
            code="few_repeats",
            message=f"{len(rows)} repeat(s) say little about the spread; {MIN_REPEATS} are the least.",
            remedy=f"Set measurement.repeats.min to {MIN_REPEATS} or more.",
        )


def check_answers_are_answers(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Answers that ended with their first token: the cost per output token is then that of reading prompts."""
    answered = sum(len(row.served) for row in evidence.rows)
    ended = sum(
        int(((row.served.output_tokens <= 1) & (row.served.finish_reason == "stop")).sum())
        for row in evidence.rows
    )
    if ended > EMPTY_SHARE * answered:
        yield RunWarning(
            code="answers_empty",
            message=f"{ended} of {answered} answers ended with their first token, the end of sequence.",
            remedy="Ask an instruction-tuned model in its own words (workload.chat_template: true), or have every "
            "answer written in full (decoder.ignore_eos: true).",
            severity="info",
        )


def check_target_is_reached(evidence: CheckInputs) -> Iterable[RunWarning]:
    """An interval wider than was asked for."""
    repeats = evidence.config.measurement.repeats
    if evidence.stopped_because == "max_reached" and repeats.target_relative_ci is not None:
        yield RunWarning(
            code="target_not_reached",
            message=f"After {repeats.max} repeats J/token still spreads by more than the "
            f"±{repeats.target_relative_ci:.1%} asked for.",
            remedy="Lengthen the window (measurement.window.min_duration_s) or allow more repeats.",
        )
