"""The requests of a run as it goes on: compact in memory, and written to a spool file."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.results.request_spool import spool_line

BLOCK_REQUESTS = 1024
BLOCK_CHUNKS = 65_536
"""Records become columns in blocks of at most so many requests, or chunks: a Python integer takes four times the
memory of a column's entry."""


class RequestLog:
    """A growing request table; `append` may be called from any thread.

    With a `spool`, every request is also written there as a line of JSON, so that a killed run keeps what it served up
    to a moment before. A slow or full disk does not hold up the requests.
    """

    def __init__(self, spool: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._parts: tuple[tuple[RequestTable, ...], list[RequestRecord]] = ((), [])
        """Columns, and the records after them; one attribute, so that an interrupt finds each request once."""
        self._pending_chunks = 0
        self._count = 0
        self._spool = None if spool is None else BackgroundFile(spool)

    def __len__(self) -> int:
        return self._count

    def append(self, record: RequestRecord) -> None:
        """Add one finished request."""
        if self._spool is not None:
            self._spool.put(spool_line(record).encode())
        with self._lock:
            self._parts[1].append(record)
            self._count += 1
            self._pending_chunks += len(record.chunk_unix_ns)
            if len(self._parts[1]) >= BLOCK_REQUESTS or self._pending_chunks >= BLOCK_CHUNKS:
                self._compact()

    def table(self) -> RequestTable:
        """Return what was appended until now."""
        with self._lock:
            self._compact()
            # One table instead of many, so that the next look copies each row once.
            whole = RequestTable.concatenate(self._parts[0])
            self._parts = ((whole,), [])
            return whole

    def close(self) -> None:
        """Close the spool file; the table stays."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def __enter__(self) -> RequestLog:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _compact(self) -> None:
        blocks, pending = self._parts
        if pending:
            self._parts = ((*blocks, RequestTable.from_records(pending)), [])
            self._pending_chunks = 0
