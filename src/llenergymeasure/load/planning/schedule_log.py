"""The schedule of a run as it is planned: kept as columns, and written to a spool file before it is due."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.domain.load.schedule_table import PlannedRequest, ScheduleTable

BLOCK_ROWS = 4096
"""Records become columns in blocks of so many, which take less memory."""


class ScheduleLog:
    """A growing schedule; `append` may be called from any thread. A slow or full disk holds nothing up."""

    def __init__(self, spool: Path | None = None) -> None:
        self._path = spool
        self._spool: BackgroundFile | None = None
        self._lock = threading.Lock()
        self._blocks: list[ScheduleTable] = []
        self._pending: list[PlannedRequest] = []

    def append(self, rows: Sequence[PlannedRequest]) -> None:
        """Add requests that are planned and not due yet."""
        with self._lock:
            if self._path is not None:
                if self._spool is None:
                    self._spool = BackgroundFile(self._path)
                self._spool.put("".join(map(_line, rows)).encode())
            self._pending += rows
            if len(self._pending) >= BLOCK_ROWS:
                self._compact()

    def table(self) -> ScheduleTable | None:
        """Return what was planned until now; None where nothing was: the load has no times of its own."""
        with self._lock:
            self._compact()
            return ScheduleTable.concatenate(self._blocks) if self._blocks else None

    def close(self) -> None:
        """Close the spool file; the table stays."""
        with self._lock:
            if self._spool is not None:
                self._spool.close()
            self._path = self._spool = None

    def _compact(self) -> None:
        if self._pending:
            self._blocks.append(ScheduleTable.from_records(self._pending))
            self._pending = []


def _line(row: PlannedRequest) -> str:
    return json.dumps(vars(row), separators=(",", ":")) + "\n"
