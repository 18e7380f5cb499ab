"""Checks of the protocol: length and number of windows, answers, the precision target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.checks.inputs import CheckInputs

MIN_REPEATS = 3
"""A judgement: Student's factor is 12.7 for two repeats, 4.3 for three."""
SHORT_WINDOW_S = 1.0
"""A judgement: ten ticks of the slowest counters (A100, 100 ms)."""
MOST_KINDS = 5
"""Kinds of failure that a warning lists."""
EMPTY_SHARE = 0.05
"""Share of the answers from which there is a note; a judgement: energy per output token is then that of prompts."""


def check_window_is_long(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Windows that are too short, or too few for an interval."""
    rows = inputs.rows
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
            message=f"{len(rows)} repeat(s) are too few to estimate the spread; at least {MIN_REPEATS} are needed.",
            remedy=f"Set measurement.repeats.min to {MIN_REPEATS} or more.",
        )


def check_answers_are_answers(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Answers that ended with their first token: energy per output token is then mostly that of the prompts."""
    answered = sum(len(row.served) for row in inputs.rows)
    ended = sum(
        int(((row.served.output_tokens <= 1) & (row.served.finish_reason == "stop")).sum())
        for row in inputs.rows
    )
    if ended > EMPTY_SHARE * answered:
        yield RunWarning(
            code="answers_empty",
            message=f"{ended} of {answered} answers ended with their first token, the end of sequence.",
            remedy="Use the chat template of an instruction-tuned model (workload.chat_template: true), or have every "
            "answer written in full (decoder.ignore_eos: true).",
            severity="info",
        )


def check_requests_were_answered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Requests that failed within the windows."""
    failed = RequestTable.concatenate([row.failed for row in inputs.rows])
    if not len(failed):
        return
    answered = sum(len(row.served) for row in inputs.rows)
    kinds = Counter(kind or status for kind, status in zip(failed.error_kind, failed.status, strict=True))
    listed = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common(MOST_KINDS))
    yield RunWarning(
        code="requests_failed",
        message=f"{len(failed)} of {len(failed) + answered} requests failed within the windows ({listed}); figures per "
        "request and latencies are those of the others.",
        remedy="See error_kind in requests.parquet; lower the load or the lengths asked for, then measure again.",
    )


def check_target_is_reached(inputs: CheckInputs) -> Iterable[RunWarning]:
    """An interval wider than the target."""
    repeats = inputs.config.measurement.repeats
    if inputs.stopped_because == "max_reached" and repeats.target_relative_ci is not None:
        yield RunWarning(
            code="target_not_reached",
            message=f"After {repeats.max} repeats the spread of J/token is still above the "
            f"target of ±{repeats.target_relative_ci:.1%}.",
            remedy="Lengthen the window (measurement.window.min_duration_s) or allow more repeats.",
        )
