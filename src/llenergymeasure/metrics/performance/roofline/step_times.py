"""When an engine did prefill, and when it decoded: steps of one phase, joined where they follow each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase

TOUCHING_NS = 10_000
"""Steps so close are one stretch of work: no step of another phase is as short. A judgement."""


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Intervals of one phase that do not overlap; arrays of shape (n,), Unix time."""

    start_unix_ns: NDArray[np.int64]
    end_unix_ns: NDArray[np.int64]
    duration_s: float
    """Of the steps alone, without what lies between them."""


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """The steps of one window by phase, cut off at its edges."""

    prefill: Stretches
    decode: Stretches
    mixed: int
    """Steps that do both: their time is neither's."""
    steps: int


def step_times(steps: StepTable, window: Phase) -> StepTimes:
    """Return when the steps of one window did what."""
    inside = steps.select(steps.overlaps(window.start_unix_ns, window.end_unix_ns))
    reads, writes = inside.prefill_tokens > 0, inside.decode_tokens > 0
    return StepTimes(
        prefill=_stretches(inside.select(reads & ~writes), window),
        decode=_stretches(inside.select(writes & ~reads), window),
        mixed=int((reads & writes).sum()),
        steps=len(inside),
    )


def _stretches(steps: StepTable, window: Phase) -> Stretches:
    order = np.argsort(steps.start_unix_ns, kind="stable")
    starts = np.maximum(steps.start_unix_ns[order], window.start_unix_ns)
    ends = np.maximum.accumulate(np.minimum(steps.end_unix_ns[order], window.end_unix_ns))
    if not len(starts):
        return Stretches(start_unix_ns=starts, end_unix_ns=ends, duration_s=0.0)
    fresh = np.append(starts[0], np.maximum(starts[1:], ends[:-1]))
    first = np.append(0, np.flatnonzero(starts[1:] > ends[:-1] + TOUCHING_NS) + 1)
    last = np.append(first[1:], len(starts)) - 1
    return Stretches(
        start_unix_ns=starts[first],
        end_unix_ns=ends[last],
        duration_s=float(np.maximum(ends - fresh, 0).sum()) / 1e9,
    )
