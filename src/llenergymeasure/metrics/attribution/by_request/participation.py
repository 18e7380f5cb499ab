"""Which requests took part in which engine steps, and with how many tokens."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.attribution.by_request.sums import summed

NEVER = -1
"""Stands for the step of a first token that did not come."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Participation:
    """One entry for each step and request in it, arrays of shape (n,), sorted by step, then by request."""

    step: NDArray[np.intp]
    request: NDArray[np.intp]
    """Rows of the tables of steps and of requests."""
    prefill_tokens: NDArray[np.float64]
    decode_tokens: NDArray[np.float64]
    context_tokens: NDArray[np.float64]
    """Tokens in the request's KV cache when the step ended."""
    is_prefill: NDArray[np.bool_]
    """Whether the step comes before the request's first token, or brings it."""

    def __len__(self) -> int:
        return len(self.step)


def find_participation(steps: StepTable, requests: RequestTable) -> Participation:
    """Return who took part in each step.

    A request's tokens belong to the last step that ended when they came, or before. Its prompt, less what came from a
    prefix cache, was read in the step of its first token. A step that read more than the prompts of the first tokens
    that it brought (chunked prefill) read a part of the prompts that waited, in the order in which they were sent.
    """
    order = np.argsort(steps.end_unix_ns, kind="stable")
    ends = steps.end_unix_ns[order]
    request, times, tokens = requests.timed_tokens()
    place = np.searchsorted(ends, times, side="right") - 1
    request, place, tokens = request[place >= 0], place[place >= 0], tokens[place >= 0]
    is_new = np.append(True, (np.diff(request) != 0) | (np.diff(place) != 0))[: len(request)]
    first = np.flatnonzero(is_new)
    request, place = request[first], place[first]
    generated = np.add.reduceat(tokens, first).astype(float) if len(first) else np.empty(0)
    brings_first = np.append(True, np.diff(request) != 0)[: len(request)]
    first_place = np.full(len(requests), NEVER)
    first_place[request[brings_first]] = place[brings_first]
    part_place, part_request, part_tokens = _prompt_parts(steps.select(order), requests, first_place)
    unread = _uncached(requests)
    np.subtract.at(unread, part_request, part_tokens)
    prompt = requests.prompt_tokens.astype(float)
    before = _running_sum(part_request, part_tokens)
    cached = prompt - _uncached(requests)
    written = _running_sum(request, generated)
    return _sorted(
        step=order[np.concatenate([place, part_place])],
        request=np.concatenate([request, part_request]),
        prefill_tokens=np.concatenate([np.where(brings_first, unread[request], 0.0), part_tokens]),
        decode_tokens=np.concatenate([generated - brings_first, np.zeros(len(part_place))]),
        context_tokens=np.concatenate([prompt[request] + written - 1, cached[part_request] + before]),
        is_prefill=np.concatenate([brings_first, np.ones(len(part_place), dtype=bool)]),
    )


def _sorted(
    *, step: NDArray[np.intp], request: NDArray[np.intp], **columns: NDArray[np.generic]
) -> Participation:
    order = np.lexsort((request, step))
    return Participation(
        step=step[order],
        request=request[order],
        **{name: values[order] for name, values in columns.items()},  # type: ignore[arg-type]
    )


def _uncached(requests: RequestTable) -> NDArray[np.float64]:
    cached = np.where(requests.cached_prompt_tokens == UNKNOWN, 0, requests.cached_prompt_tokens)
    return np.maximum(requests.prompt_tokens - cached, 0).astype(float)


def _running_sum(owner: NDArray[np.intp], amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each owner's amounts until each entry, itself included; entries of an owner in time order."""
    order = np.argsort(owner, kind="stable")
    until = np.cumsum(amounts[order])
    starts = np.flatnonzero(np.append(True, np.diff(owner[order]) != 0)[: len(owner)])
    counts = np.diff(np.append(starts, len(owner)))
    sums = np.empty(len(owner))
    sums[order] = until - np.repeat(until[starts] - amounts[order][starts], counts)
    return sums


def _prompt_parts(
    steps: StepTable, requests: RequestTable, first_place: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the parts of prompts that were read before the step of the first token: place, request, tokens.

    `steps` are sorted by their ends; `first_place` is the place of each request's first token among them.
    """
    unread = _uncached(requests)
    arrived = first_place != NEVER
    finished = summed(first_place[arrived], unread[arrived], len(steps))
    if (steps.prefill_tokens <= finished).all():
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0)
    sent_ns, closed_ns = requests.service_start_unix_ns(), requests.closed_unix_ns
    queue = deque(np.argsort(sent_ns, kind="stable").tolist())
    last = np.where(arrived, first_place, len(steps))
    waiting: deque[int] = deque()
    by_place: dict[int, list[int]] = {}
    for each in np.flatnonzero(arrived).tolist():
        by_place.setdefault(int(first_place[each]), []).append(each)
    parts: list[tuple[int, int, float]] = []
    for place in np.flatnonzero(steps.prefill_tokens > 0).tolist():
        while queue and sent_ns[queue[0]] < steps.end_unix_ns[place]:
            waiting.append(queue.popleft())
        surplus = float(steps.prefill_tokens[place]) - sum(unread[each] for each in by_place.get(place, ()))
        start_ns = steps.start_unix_ns[place]
        while waiting and _is_over(waiting[0], place, last, unread, closed_ns, start_ns):
            waiting.popleft()
        for each in waiting:
            if surplus <= 0:
                break
            if not _is_over(each, place, last, unread, closed_ns, start_ns):
                taken = min(float(unread[each]), surplus)
                parts.append((place, each, taken))
                unread[each] -= taken
                surplus -= taken
    columns = list(zip(*parts, strict=True)) or [(), (), ()]
    return np.array(columns[0], dtype=np.intp), np.array(columns[1], dtype=np.intp), np.array(columns[2])


def _is_over(
    request: int,
    place: int,
    last: NDArray[np.intp],
    unread: NDArray[np.float64],
    closed_ns: NDArray[np.int64],
    start_ns: int,
) -> bool:
    """Return whether a request no longer waits for its prompt to be read in a step before that of its first token."""
    return bool(last[request] <= place or unread[request] <= 0 or closed_ns[request] <= start_ns)
