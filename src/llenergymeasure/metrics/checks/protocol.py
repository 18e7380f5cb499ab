"""Checks of the protocol: length and number of windows, answers, the precision target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

MIN_REPEATS = 3
"""A judgement: Student's factor is 12.7 for two repeats, 4.3 for three."""
SHORT_WINDOW_S = 1.0
"""A judgement: ten ticks of the slowest counters (A100, 100 ms)."""
MOST_KINDS = 5
"""Kinds of failure that a warning lists."""

CLOSING_FAILED = WarningCode(
    code="closing_failed",
    meaning="Something failed after the last window, when the run closed what it had opened.",
    remedy="Report it to the authors of what failed. What it did not free is freed when its process ends.",
    severity="info",
    because="All windows had been measured.",
)
WINDOW_SHORT = WarningCode(
    code="window_short",
    meaning="A window is too short for the sensors: little but their steps is seen of it.",
    remedy="Raise measurement.window.min_duration_s or workload.n_prompts.",
    severity="warning",
    because="The interval of the figures includes the uncertainty of the sensors, but not what else varies "
    "from second to second.",
)
FEW_REPEATS = WarningCode(
    code="few_repeats",
    meaning="There are too few repeats to estimate how much they vary.",
    remedy=f"Set measurement.repeats.min to {MIN_REPEATS} or more.",
    severity="warning",
    because="Student's factor is 12.7 for two repeats, 4.3 for three.",
)
ANSWERS_EMPTY = WarningCode(
    code="answers_empty",
    meaning="Answers ended with their first token: energy per output token is then mostly that of the prompts.",
    remedy="Use the chat template of an instruction-tuned model (workload.chat_template: true), or have every "
    "answer written in full (decoder.ignore_eos: true).",
    severity=Levels(
        of="fraction of the answers that ended with their first token", info=0.05, warning=0.2, invalid=0.9
    ),
    because="A judgement: at 20 % figures per request are off by a quarter from those of real answers; over 90 % "
    "hardly anything was generated.",
)
REQUESTS_FAILED = WarningCode(
    code="requests_failed",
    meaning="Requests failed within the windows: figures per request and latencies are those of the others, and the "
    "energy includes that of the failed ones.",
    remedy="See error_kind in requests.parquet; lower the load or the lengths asked for, then measure again.",
    severity=Levels(of="fraction of the requests that failed", warning=0.0, invalid=0.1),
    because="A judgement: over 10 % the requests that were answered are no longer the workload that was asked for.",
)
TARGET_NOT_REACHED = WarningCode(
    code="target_not_reached",
    meaning="After the most repeats that are allowed, the spread is still wider than the target.",
    remedy="Lengthen the window (measurement.window.min_duration_s) or allow more repeats.",
    severity="warning",
    because="The interval of the figures states the spread.",
)


def check_window_is_long(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Windows that are too short, or too few for an interval."""
    rows = inputs.rows
    if rows and min(row.duration_s for row in rows) < SHORT_WINDOW_S:
        shortest = min(row.duration_s for row in rows)
        yield from WINDOW_SHORT.raised(
            f"The shortest window lasted {shortest:.2f} s, under {SHORT_WINDOW_S:.0f} s."
        )
    if len(rows) < MIN_REPEATS:
        yield from FEW_REPEATS.raised(
            f"{len(rows)} repeat(s) are too few to estimate the spread; at least {MIN_REPEATS} are needed."
        )


def check_answers_are_answers(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Answers that ended with their first token: energy per output token is then mostly that of the prompts."""
    answered = sum(len(row.served) for row in inputs.rows)
    ended = sum(
        int(((row.served.output_tokens <= 1) & (row.served.finish_reason == "stop")).sum())
        for row in inputs.rows
    )
    if ended:
        yield from ANSWERS_EMPTY.raised(
            f"{ended} of {answered} answers ended with their first token, the end of sequence.",
            magnitude=ended / answered,
        )


def check_requests_were_answered(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Requests that failed within the windows."""
    failed = RequestTable.concatenate([row.failed for row in inputs.rows])
    if not len(failed):
        return
    answered = sum(len(row.served) for row in inputs.rows)
    kinds = Counter(kind or status for kind, status in zip(failed.error_kind, failed.status, strict=True))
    listed = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common(MOST_KINDS))
    yield from REQUESTS_FAILED.raised(
        f"{len(failed)} of {len(failed) + answered} requests failed within the windows ({listed}); figures per "
        "request and latencies are those of the others.",
        magnitude=len(failed) / (len(failed) + answered),
    )


def check_target_is_reached(inputs: CheckInputs) -> Iterable[RunWarning]:
    """An interval wider than the target."""
    repeats = inputs.config.measurement.repeats
    if inputs.stopped_because == "max_reached" and repeats.target_relative_ci is not None:
        yield from TARGET_NOT_REACHED.raised(
            f"After {repeats.max} repeats the spread of J/token is still above the "
            f"target of ±{repeats.target_relative_ci:.1%}."
        )


def check_all_is_closed(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A backend, driver or meter that fails when it is closed."""
    for each in inputs.closing_faults:
        yield from CLOSING_FAILED.raised(f"After the last window: {each.partition(' → ')[0]}.")
