"""Reading the devices of a slow meter at the same time, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.meters.sampling.open_meter import OpenMeter

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 2.0
"""How long the end of the sampler waits for a reading that is under way; a call that hangs ends with the process."""
LONGEST_SLEEP_S = 0.1
"""A thread looks so often whether it is to end."""


class ParallelReaders:
    """Threads that read one device each when it is due and append its samples to the spool, until the block ends.

    A library's call waits for the driver without the interpreter lock, so that slow calls of several devices overlap.
    """

    def __init__(self, offset_ns: int, spool: BackgroundFile) -> None:
        self._offset_ns = offset_ns
        self._spool = spool
        self._threads: list[threading.Thread] = []
        self._read: deque[bytes] = deque()
        """Samples that are not with the spool yet: handed over one by one, they would wake its thread as often."""
        self._has_ended = False

    def __enter__(self) -> ParallelReaders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        deadline_s = time.monotonic() + JOIN_TIMEOUT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self._hand_over()

    def start(self, parts: Sequence[OpenMeter]) -> bool:
        """Begin to read devices; False where the system has no threads for them, so that none is read."""
        given_up = threading.Event()
        threads = [
            threading.Thread(target=self._keep_reading, args=(each, given_up), name="reader", daemon=True)
            for each in parts
        ]
        try:
            for thread in threads:
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:
            logger.warning("devices are read one after the other: %s", error)
            given_up.set()
            return False
        return True

    def _keep_reading(self, meter: OpenMeter, given_up: threading.Event) -> None:
        while not (self._has_ended or given_up.is_set()):
            wait_s = meter.due_s - time.monotonic()
            if wait_s > 0:
                time.sleep(min(wait_s, LONGEST_SLEEP_S))  # a fraction of what it costs to wait for an event
                continue
            self._read.append(meter.read(self._offset_ns))
            meter.schedule(time.monotonic())
            if len(self._read) >= len(self._threads):
                self._hand_over()

    def _hand_over(self) -> None:
        whole: list[bytes] = []
        with suppress(IndexError):
            while True:
                whole.append(self._read.popleft())
        self._spool.put(b"".join(whole))
