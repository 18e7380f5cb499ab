"""When a model read prompts and when it generated, as runs of one phase each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.model.info import ModelInfo, explained
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.step_table import StepTable

BETWEEN_STEPS_NS = 20_000_000
"""A shorter gap is the engine preparing the step that follows, and belongs to its phase; a longer one is rest."""
OVERLAP_NS = 1_000_000
"""Steps that overlap by no more are neighbours whose times were read one after the other."""
MIXED = 0.01
"""Of the time of prefill: so much of it may overlap the decoding of other requests before they count as mixed."""

Runs = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseTimes:
    """Runs of prefill and of decode, shapes (n, 2) and (m, 2): Unix times of start and end; none overlaps another."""

    prefill_ns: Runs
    decode_ns: Runs
    is_mixed: bool = False
    """Whether steps compute both phases at once; those are in neither of the runs."""


def phase_times(
    steps: StepTable | None,
    requests: RequestTable,
    windows_ns: NDArray[np.int64],
    info: ModelInfo | None = None,
) -> PhaseTimes | str:
    """Return the runs of both phases within the windows, shape (w, 2); a reason where they are not known.

    They come from the engine's steps where there are any: a step with prompt tokens and no others is prefill, one
    without prompt tokens decode. Without steps, a request reads its prompt from when it was sent to its first token,
    and generates until its last: this holds as long as no request reads while another one generates. `info` may say
    why there are no times of tokens.
    """
    found = _of_requests(requests, windows_ns, info) if steps is None else _of_steps(steps, windows_ns)
    if isinstance(found, PhaseTimes) and not len(found.prefill_ns) and not found.is_mixed:
        return "no prompt was read in the windows"
    return found


def _of_steps(steps: StepTable, windows_ns: NDArray[np.int64]) -> PhaseTimes | str:
    touched = np.any([steps.overlaps(int(start), int(end)) for start, end in windows_ns], axis=0)
    steps = steps.select(touched)
    steps = steps.select(np.argsort(steps.start_unix_ns, kind="stable"))
    start_ns, end_ns = steps.start_unix_ns.copy(), steps.end_unix_ns
    gaps_ns = start_ns[1:] - end_ns[:-1]
    if (gaps_ns < -OVERLAP_NS).any():
        return "steps overlap: several engines served at the same time"
    start_ns[1:] = np.where(gaps_ns < BETWEEN_STEPS_NS, end_ns[:-1], start_ns[1:])
    reads, writes = steps.prefill_tokens > 0, steps.decode_tokens > 0
    runs = np.stack([start_ns, end_ns], axis=1)
    return PhaseTimes(
        prefill_ns=_within(_joined(runs[reads & ~writes]), windows_ns),
        decode_ns=_within(_joined(runs[writes & ~reads]), windows_ns),
        is_mixed=bool((reads & writes).any()),
    )


def _of_requests(
    requests: RequestTable, windows_ns: NDArray[np.int64], info: ModelInfo | None
) -> PhaseTimes | str:
    sent_ns, first_ns = requests.service_start_unix_ns(), requests.first_token_unix_ns
    known = (first_ns != UNKNOWN) & (requests.last_token_unix_ns != UNKNOWN)
    if not known.any():
        return explained("no request states when its first token came", info, "token_times")
    first_ns = first_ns[known]
    reading_ns = np.stack([sent_ns[known], first_ns], axis=1)
    writing_ns = np.stack([first_ns, requests.last_token_unix_ns[known]], axis=1)
    prefill_ns, decode_ns = (_within(_joined(runs), windows_ns) for runs in (reading_ns, writing_ns))
    outside_ns = _without(decode_ns, prefill_ns)
    if _total_ns(decode_ns) - _total_ns(outside_ns) > MIXED * _total_ns(prefill_ns):
        return "prompts were read while other requests generated, and the backend does not report its steps"
    return PhaseTimes(prefill_ns=prefill_ns, decode_ns=outside_ns)


def _joined(runs: Runs) -> Runs:
    """Return the union of intervals, those that touch as one."""
    runs = runs[runs[:, 1] > runs[:, 0]]
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    until_ns = np.maximum.accumulate(runs[:, 1]) if len(runs) else runs[:, 1]
    begins = np.append(True, runs[1:, 0] > until_ns[:-1])[: len(runs)]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(runs))[: len(first)] - 1
    return np.stack([runs[first, 0], until_ns[last]], axis=1)


def _within(runs: Runs, windows_ns: NDArray[np.int64]) -> Runs:
    """Return the parts of runs in time order that lie in windows, which do not overlap."""
    parts = [
        np.clip(runs[(runs[:, 1] > start_ns) & (runs[:, 0] < end_ns)], start_ns, end_ns)
        for start_ns, end_ns in windows_ns
    ]
    return np.concatenate(parts)


def _without(runs: Runs, removed: Runs) -> Runs:
    """Return the parts of `runs` that lie outside `removed`; both do not overlap themselves."""
    edges_ns = np.unique(np.concatenate([runs.ravel(), removed.ravel()]))
    pieces = np.stack([edges_ns[:-1], edges_ns[1:]], axis=1)
    kept = _covers(runs, pieces[:, 0]) & ~_covers(removed, pieces[:, 0])
    return _joined(pieces[kept])


def _covers(runs: Runs, at_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(runs):
        return np.zeros(len(at_ns), dtype=bool)
    number = np.searchsorted(runs[:, 0], at_ns, side="right") - 1
    inside: NDArray[np.bool_] = (number >= 0) & (at_ns < runs[np.maximum(number, 0), 1])
    return inside


def _total_ns(runs: Runs) -> int:
    return int((runs[:, 1] - runs[:, 0]).sum())
