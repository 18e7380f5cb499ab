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

    What cannot be written is counted in `lost` and logged once, when the file is closed. The thread is a daemon, so a
    disk that hangs for ever does not hold up the end of the process. With `until_error`, for records that must not
    lack one in the middle, nothing is written after the first `error`.
    """

    def __init__(
        self,
        path: Path,
        *,
        most_waiting: int = MOST_WAITING,
        until_error: bool = False,
        of: str = "lines",
        mode: int = 0o666,
    ) -> None:
        self._path = path
        self._most_waiting = most_waiting
        self._until_error = until_error
        self._of, self._mode = of, mode
        self._n_put = self._n_done = 0
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self.error: OSError | None = None
        self._is_partial = False
        self._closed = False
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
        if self.lost:
            cause = self.error.strerror if self.error is not None else "the disk is too slow"
            logger.warning("%d %s of %s could not be written: %s", self.lost, self._of, self._path, cause)

    def _drop_oldest(self) -> None:
        with suppress(Empty):
            self._lines.get_nowait()
            self.lost += 1
            self._n_done += 1

    def _write_all(self) -> None:
        file = -1
        is_open = True
        while is_open:
            lines = [self._lines.get()]
            with suppress(Empty):
                while True:
                    lines.append(self._lines.get_nowait())
            is_open = all(line is not _END for line in lines)
            whole = [line for line in lines if line is not _END]
            try:
                if self.error is not None and self._until_error:
                    raise self.error
                file = file if file >= 0 else os.open(self._path, _APPENDING, self._mode)
                self._write(file, b"".join(whole))
            except OSError as error:
                self.error = error
                self.lost += len(whole)
            self._n_done += len(whole)
        if file >= 0:
            os.close(file)

    def _write(self, file: int, data: bytes) -> None:
        """Write all of it; after a line that was cut off by a full disk, begin a new one."""
        if self._is_partial:
            os.write(file, b"\n")
            self._is_partial = False
        rest = memoryview(data)
        while rest:
            self._is_partial = True
            rest = rest[os.write(file, rest) :]
        self._is_partial = False
