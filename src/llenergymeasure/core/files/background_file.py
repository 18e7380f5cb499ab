"""A file that is written by a thread of its own, so that a slow or full disk never holds up who writes to it."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

logger = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Lines that wait for the disk; a judgement: minutes of a busy run, and little memory."""
CLOSE_TIMEOUT_S = 2.0
"""How long the end of a run waits for a disk that does not answer."""
_END = b""
_POLL_S = 0.001
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class BackgroundFile:
    """Lines appended to a file; `put` returns at once. Where too many wait, the oldest are dropped.

    From the first line on that the file does not take, all go to the open file `instead`, where there is one. What
    nothing takes is counted in `lost`; `error` says why. With `record_bytes` they are no lines but records, of which
    none may lack in the middle: after the first `error` nothing is written. The thread is a daemon: a disk that hangs
    for ever does not hold up the end of the process.
    """

    def __init__(
        self,
        path: Path,
        *,
        instead: int | None = None,
        most_waiting: int = MOST_WAITING,
        record_bytes: int | None = None,
        of: str = "lines",
        mode: int = 0o666,
    ) -> None:
        self._path, self._instead = path, instead
        self._most_waiting = most_waiting
        self._record_bytes = record_bytes
        self._of, self._mode = of, mode
        self._n_put = self._n_done = 0
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._file: int | None = None
        self._refused = False
        self._is_partial = False
        self._closed = False
        self.error: OSError | None = None
        self.lost = 0
        self._thread = threading.Thread(target=self._write_all, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Write one line, which ends with a newline, or records, soon; from any thread, or a signal handler."""
        if self._closed or not line:
            return
        self._n_put += 1
        self._lines.put(line)
        if self._lines.qsize() > self._most_waiting:
            self._drop_oldest()

    def wait(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait until what was put before is written, for so long at most."""
        deadline_s = time.monotonic() + timeout_s
        while self._n_done < self._n_put and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait for what was put before, for so long at most, and say what was lost; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._lines.put(_END)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.lost += max(self._lines.qsize(), 1)
        if self.lost and self.error is None:  # else it was said when it happened
            logger.warning(
                "%d %s of %s could not be written: the disk is too slow", self.lost, self._of, self._path
            )

    def _drop_oldest(self) -> None:
        with suppress(Empty):
            self._lines.get_nowait()
            self.lost += 1
            self._n_done += 1

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            lines = [self._lines.get()]
            with suppress(Empty):
                while True:
                    lines.append(self._lines.get_nowait())
            is_open = all(line is not _END for line in lines)
            whole = [line for line in lines if line is not _END]
            self._write(b"".join(whole))
            self._n_done += len(whole)
        if self._file is not None:
            os.close(self._file)

    def _write(self, data: bytes) -> None:
        rest, refusal = data, self.error
        if not self._refused or (self._instead is None and self._record_bytes is None):
            rest, refusal = self._not_taken(data)
        if rest and self._instead is not None:
            rest, refusal = _written(self._instead, rest)
        if rest and refusal is not None:
            self._lose(rest, refusal)

    def _not_taken(self, data: bytes) -> tuple[bytes, OSError | None]:
        """Append to the file; return what is not whole there, and why."""
        try:
            if self._file is None:
                self._file = os.open(self._path, _APPENDING, self._mode)
        except OSError as error:
            self._refused = True
            return data, error
        begun = (
            b"\n" if self._is_partial and self._record_bytes is None else b""
        )  # after a line that was cut off
        rest, refusal = _written(self._file, begun + data)
        if refusal is None:
            self._is_partial = False
            return b"", None
        self._refused = True
        taken = max(len(data) - len(rest), 0)
        whole = data.rfind(b"\n", 0, taken) + 1
        if self._record_bytes is not None:
            whole = taken - taken % self._record_bytes
        self._is_partial = whole < taken or (self._is_partial and len(rest) > len(data))
        return data[whole:], refusal

    def _lose(self, rest: bytes, refusal: OSError) -> None:
        """Count what nothing takes, and say so the first time."""
        if self.error is None:
            logger.warning(
                "%s: %s; what is measured from here on is kept in memory → free some space before the run ends, "
                "or its result is kept elsewhere",
                self._path,
                refusal.strerror or refusal,
            )
        self.error = refusal
        self.lost += rest.count(b"\n") if self._record_bytes is None else len(rest) // self._record_bytes


def _written(file: int, data: bytes) -> tuple[bytes, OSError | None]:
    """Write bytes; return those that the file has not taken, and why."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError as error:
        return bytes(rest), error
    return b"", None
