"""Requests that a backend was given, until each of them has been reported once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from llenergymeasure.backends.base import Done, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.exceptions import BackendError
from llenergymeasure.load.record_check import REMEDY, refused_record


class Reception:
    """Takes the reports on requests from any thread and passes them on, one at a time, with the driver's own stamps.

    In an offline load nobody waits for a request, so it is due when the backend begins with it.
    """

    def __init__(self, backend: str, requests: Sequence[ScheduledRequest], done: Done, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._pending = {request.request_id: request for request in requests}
        self._done = done
        self._lock = threading.Lock()
        self._given = len(requests)
        self._refused: BackendError | None = None
        self._failures: Counter[str] = Counter()

    def report(self, record: RequestRecord) -> None:
        """Take one request that has ended; what is wrong with a report is raised by `close`, not in a thread of others.

        Nothing is recorded after the first report that is wrong.
        """
        with self._lock:
            if self._refused is None:
                self._take(record)

    def _take(self, record: RequestRecord) -> None:
        scheduled = self._scheduled(record)
        if scheduled is None:
            return
        self._refused = refused_record(self._backend, record, scheduled, self._clock)
        if self._refused is not None:
            return
        if record.status != "ok":
            self._failures[record.error_kind or record.status] += 1
        sent_ns = record.sent_unix_ns
        due_ns = scheduled.scheduled_unix_ns if sent_ns is None else sent_ns
        self._done(replace(record, repeat=scheduled.repeat, scheduled_unix_ns=due_ns))

    def _scheduled(self, record: object) -> ScheduledRequest | None:
        """Return the request that a report is on, once; None, and the report is refused, where it is on no request."""
        if not isinstance(record, RequestRecord):
            self._refused = self._wrong(f"an object of type {type(record).__name__}, not a RequestRecord")
            return None
        request_id = record.request_id
        scheduled = self._pending.pop(request_id, None) if isinstance(request_id, str) else None
        if scheduled is None:
            self._refused = self._wrong(
                f"request {request_id}, which it was not given or had reported before: call done() once for each "
                "request of run()"
            )
        return scheduled

    def _wrong(self, what: str) -> BackendError:
        return BackendError(f"backend '{self._backend}' reported {what} → {REMEDY}")

    def close(self) -> None:
        """Check that every request was reported, as it can have been, and that not all of them failed.

        Raises:
            BackendError: with what is wrong.
        """
        if self._refused is not None:
            raise self._refused
        if self._pending:
            raise BackendError(
                f"backend '{self._backend}' returned from run() without a report on {len(self._pending)} of "
                f"{self._given} requests, {next(iter(self._pending))} among them: call done() once for each request, "
                "failed ones included"
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
