"""Which requests are good: answered, and within every objective that applies to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.domain.breakdowns.traffic import Attainment
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance import latency
from llenergymeasure.metrics.statistics.proportions import fraction_estimate

ALL = "all"
OF_REQUESTS = "of the requests"
NONE_DUE = "no request was due in the windows"
LATENCIES: Mapping[str, Callable[[RequestTable], NDArray[np.float64]]] = {
    "ttft_s": latency.ttft_s,
    "tpot_s": latency.tpot_s,
    "e2e_s": latency.e2e_s,
}
"""What each limit of `slo:` is compared with."""
WORDS = {"ttft_s": "first token", "tpot_s": "tokens after the first", "e2e_s": "last token"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What objectives say of each request; arrays of shape (n,)."""

    kept: Mapping[str, NDArray[np.bool_]]
    """By objective: answered, and within its limit. A failed request is infinitely late."""
    applies: Mapping[str, NDArray[np.bool_]]
    """By objective: to all but answers without a token after the first chunk, for the time per output token."""
    good: NDArray[np.bool_]
    """Answered with at least one token, and within every limit that applies."""
    unknown: Mapping[str, str]
    """By objective: why it cannot be judged."""

    @property
    def reason(self) -> str | None:
        """Why good requests cannot be told; None where they can."""
        return next(iter(self.unknown.values()), None)


def limits_of(slo: SloConfig) -> dict[str, float]:
    """Return the limits that are set, by the name of the latency, in seconds."""
    stated = {"ttft_s": slo.ttft_s, "tpot_s": slo.tpot_s, "e2e_s": slo.e2e_s}
    return {name: limit_s for name, limit_s in stated.items() if limit_s is not None}


def judge(requests: RequestTable, limits_s: Mapping[str, float]) -> Judged:
    """Return which of the requests keep each limit.

    An answer without any token is not good, whatever the limits: a server that answers nothing at once is not fast.
    """
    ok = requests.is_ok()
    answered = ok & (requests.output_tokens > 0)
    good = answered.copy()
    kept, applies, unknown = {}, {}, {}
    for name, limit_s in limits_s.items():
        values = LATENCIES[name](requests)
        applies[name] = np.ones(len(requests), dtype=bool)
        if name == "tpot_s":
            applies[name] = ~answered | (latency.later_tokens(requests) > 0)
        untimed = int((answered & applies[name] & ~np.isfinite(values)).sum())
        if untimed:
            unknown[name] = f"{untimed} of {int(answered.sum())} answers have no time of the {WORDS[name]}"
        kept[name] = answered & applies[name] & (values <= limit_s)
        good &= kept[name] | ~applies[name]
    return Judged(kept=kept, applies=applies, good=good, unknown=unknown)


def attainments(
    requests: RequestTable, judged: Judged, windows: Sequence[Phase], slo: SloConfig
) -> tuple[Attainment, ...]:
    """Return how many of the requests that were due in the windows kept each objective, and all of them.

    Those due in a window are followed to their end, so that none is left out because it is late.
    """
    places = [_due(requests, window) for window in windows]
    found = [
        _attainment(name, limit_s, places, judged.kept[name], judged.applies[name], judged.unknown.get(name))
        for name, limit_s in limits_of(slo).items()
    ]
    everyone = np.ones(len(requests), dtype=bool)
    every_part = np.logical_and.reduce([everyone, *judged.applies.values()])
    together = _attainment(ALL, None, places, judged.good, everyone, judged.reason)
    not_applicable = sum(int((~every_part[rows]).sum()) for rows in places)
    found.append(together.model_copy(update={"not_applicable": not_applicable}))
    return tuple(_compared(each, slo.percentile / 100) for each in found)


def _due(requests: RequestTable, window: Phase) -> NDArray[np.intp]:
    """Return the rows of the requests that were due in a window, in the order in which they were due."""
    due = requests.scheduled_unix_ns
    rows = np.flatnonzero((due >= window.start_unix_ns) & (due < window.end_unix_ns))
    return rows[np.argsort(due[rows], kind="stable")]


def _attainment(
    name: str,
    limit_s: float | None,
    places: Sequence[NDArray[np.intp]],
    kept: NDArray[np.bool_],
    applies: NDArray[np.bool_],
    unknown: str | None,
) -> Attainment:
    judged = [rows[applies[rows]] for rows in places]
    count = sum(map(len, judged))
    reason = unknown or (None if count else NONE_DUE)
    return Attainment(
        objective=name,
        limit_s=limit_s,
        requests=count,
        not_applicable=sum(map(len, places)) - count,
        kept=sum(int(kept[rows].sum()) for rows in judged),
        fraction=None if reason else fraction_estimate([kept[rows] for rows in judged], OF_REQUESTS),
        reason=reason,
    )


def _compared(attainment: Attainment, target: float) -> Attainment:
    found = attainment.fraction
    if found is None or found.low is None or found.high is None:
        return attainment
    is_met = found.value >= target
    certain = found.low >= target if is_met else found.high < target
    return attainment.model_copy(update={"is_met": is_met, "is_certain": certain})
