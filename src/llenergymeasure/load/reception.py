"""Requests that a backend was given, until each of them has been reported once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from llenergymeasure.backends.base import Done, ScheduledRequest
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.exceptions import BackendError


class Reception:
    """Takes the reports on requests from any thread and passes them on, one at a time, with the driver's own stamps.

    In an offline load nobody waits for a request, so it is due when the backend begins with it.
    """

    def __init__(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        self._pending = {request.request_id: request for request in requests}
        self._done = done
        self._lock = threading.Lock()
        self._given = len(requests)
        self._unknown: list[str] = []
        self._failures: Counter[str] = Counter()

    def report(self, record: RequestRecord) -> None:
        """Take one request that has ended."""
        with self._lock:
            scheduled = self._pending.pop(record.request_id, None)
            if scheduled is None:
                self._unknown.append(record.request_id)
                return
            if record.status != "ok":
                self._failures[record.error_kind or record.status] += 1
            sent_ns = record.sent_unix_ns
            due_ns = scheduled.scheduled_unix_ns if sent_ns is None else sent_ns
            self._done(replace(record, repeat=scheduled.repeat, scheduled_unix_ns=due_ns))

    def close(self) -> None:
        """Check that every request was reported, and that not all of them failed.

        Raises:
            BackendError: with what is wrong.
        """
        if self._unknown:
            raise BackendError(
                f"the backend reported request {self._unknown[0]}, which it was not given or had reported before: "
                "call done() once for each request of run()"
            )
        if self._pending:
            raise BackendError(
                f"the backend returned from run() without a report on {len(self._pending)} of {self._given} requests, "
                f"{next(iter(self._pending))} among them: call done() once for each request, failed ones included"
            )
        refuse_total_failure(self._given, self._failures)


def refuse_total_failure(given: int, failures: Counter[str]) -> None:
    """Stop a run whose requests all failed.

    Raises:
        BackendError: with the kinds of failure and how often each occurred.
    """
    if given and failures.total() == given:
        raise BackendError(
            f"all {given} requests failed ({describe_failures(failures)}): see that the backend can serve one of them"
        )


def describe_failures(failures: Counter[str]) -> str:
    """Return the kinds of failure with their numbers, the most frequent first."""
    return ", ".join(f"{kind}: {number}" for kind, number in failures.most_common())
