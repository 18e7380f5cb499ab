"""What the rows of a request table must agree on: order of times, counts of tokens, place in the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request import FILL_REPEAT, WARMUP_REPEAT
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.latency import filled_chunks
from llenergymeasure.results import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OUTSIDE = {"warmup": WARMUP_REPEAT, "cache_fill": FILL_REPEAT}
SWITCH_NS = 500_000_000
"""How long after the start of a window a load that goes on may still send what belongs before it: the client's event
loop has to see that it began."""
IN_ORDER = (
    "sent_unix_ns",
    "first_token_unix_ns",
    "first_answer_unix_ns",
    "last_token_unix_ns",
    "closed_unix_ns",
)
"""Times of a request, each no earlier than those before it; the first of all is `scheduled_unix_ns`."""


def request_contradictions(requests: RequestTable, phases: Sequence[Phase] | None) -> Iterator[Finding]:
    """Yield what is wrong within requests, and with their place in the phases where these are known.

    A request may cross the edges of its window: what lies in a window is decided by times.
    """
    rules = {
        "has a negative count of tokens": _has_negative_counts(requests),
        "was not scheduled, sent, begun and ended in this order": ~_is_in_order(requests),
        "has times of chunks that run backwards or lie outside its own times": ~_chunks_are_in_order(
            requests
        ),
        "has chunks whose tokens do not add up to its output tokens": ~_chunks_add_up(requests),
        "has a first or last token at another time than its chunks": ~_chunks_fit_first_and_last(requests),
    }
    if phases is not None:
        rules["was scheduled in another window than it says"] = ~_was_due_in_its_window(requests, phases)
    yield from _broken(requests, rules)
    if len(set(requests.request_id.tolist())) < len(requests):
        yield Finding(file=layout.REQUESTS, field="request_id", message="stands for more than one request")


def _has_negative_counts(requests: RequestTable) -> NDArray[Any]:
    negative = (requests.prompt_tokens < 0) | (requests.output_tokens < 0)
    return negative | (_sum_by_request(requests, requests.chunk_tokens < 0) > 0)


def _is_in_order(requests: RequestTable) -> NDArray[Any]:
    import numpy as np

    latest = requests.scheduled_unix_ns
    ordered = latest >= 0
    for name in IN_ORDER:
        time_ns = getattr(requests, name)
        known = time_ns != UNKNOWN
        ordered = ordered & (~known | (time_ns >= latest))
        latest = np.where(known, time_ns, latest)
    ordered = ordered & (requests.closed_unix_ns != UNKNOWN)
    return np.asarray(ordered)


def _chunks_are_in_order(requests: RequestTable) -> NDArray[Any]:
    import numpy as np

    lengths = np.diff(requests.chunk_offsets)
    times = requests.chunk_unix_ns
    before = np.concatenate([[0], times])[:-1]
    opens = requests.chunk_offsets[:-1][lengths > 0]
    before[opens] = requests.service_start_unix_ns()[lengths > 0]
    late = times > np.repeat(requests.closed_unix_ns, lengths)
    return np.asarray(_sum_by_request(requests, (times < before) | late) == 0)


def _chunks_add_up(requests: RequestTable) -> NDArray[Any]:
    import numpy as np

    has_chunks = np.diff(requests.chunk_offsets) > 0
    adds_up = _sum_by_request(requests, requests.chunk_tokens) == requests.output_tokens
    return np.asarray(~has_chunks | adds_up)


def _chunks_fit_first_and_last(requests: RequestTable) -> NDArray[Any]:
    import numpy as np

    first, last, has_chunk = filled_chunks(requests)
    fits = np.ones(len(requests), dtype=bool)
    times = requests.chunk_unix_ns
    fits[has_chunk] = (times[first[has_chunk]] == requests.first_token_unix_ns[has_chunk]) & (
        times[last[has_chunk]] == requests.last_token_unix_ns[has_chunk]
    )
    return fits


def _was_due_in_its_window(requests: RequestTable, phases: Sequence[Phase]) -> NDArray[Any]:
    """Return which requests were scheduled in their window, or between it and those beside it.

    A load may go on between windows. Those that are of no window, such as of the warm-up, are not due within one.
    """
    import numpy as np

    scheduled, is_of_none = requests.scheduled_unix_ns, np.isin(requests.repeat, list(_OUTSIDE.values()))
    due = is_of_none.copy()
    windows = [phase for phase in phases if phase.name == "window"]
    for phase, after in zip(windows, [*windows[1:], None], strict=True):
        due &= ~is_of_none | (scheduled < phase.start_unix_ns + SWITCH_NS) | (scheduled >= phase.end_unix_ns)
        own = requests.repeat == phase.repeat
        is_before_next = True if after is None else scheduled < after.start_unix_ns + SWITCH_NS
        due |= own & (scheduled >= _end_before(phase, phases)) & is_before_next
    return np.asarray(due)


def _end_before(window: Phase, phases: Sequence[Phase]) -> int:
    """Return the end of the warm-up or window before a window."""
    ends = [each.end_unix_ns for each in phases if each.name in (*_OUTSIDE, "window")]
    return max((end for end in ends if end <= window.start_unix_ns), default=0)


def _sum_by_request(requests: RequestTable, values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    until = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.asarray(until[requests.chunk_offsets[1:]] - until[requests.chunk_offsets[:-1]])


def _broken(requests: RequestTable, rules: Mapping[str, NDArray[Any]]) -> Iterator[Finding]:
    """Yield one finding per rule that is broken, with the first request that breaks it and how many do."""
    for message, breaks in rules.items():
        names = requests.request_id[breaks]
        if len(names):
            more = f", and {len(names) - 1} more like it" if len(names) > 1 else ""
            yield Finding(file=layout.REQUESTS, field=str(names[0]), message=message + more)
