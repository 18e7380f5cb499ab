"""The progress of a run on standard error: one line that is rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from llenergymeasure.cli.status import Status
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.processes.output_stream import takes_text
from llenergymeasure.domain.progress import RunEvent

logger = logging.getLogger(__name__)

OnEvent = Callable[[RunEvent], None]
PLAIN_PERIOD_S = 10.0
"""Between two lines of a log; a judgement: an hour's run gives 360 lines."""
TICK_S = 1.0
CLEAR = "\r\x1b[2K"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@contextmanager
def watch(config: ExperimentConfig, out: IO[str], *, quiet: bool = False) -> Iterator[OnEvent]:
    """Yield a listener for the events of a run; warnings are printed even when progress is not."""
    status = Status(config=config, started_s=time.monotonic())
    if quiet:
        yield _while_read(lambda event: _print_log(event, out))
    elif out.isatty() and os.environ.get("TERM") != "dumb":
        with LiveLine(status, out) as line:
            yield _while_read(line.on_event)
    else:
        yield _while_read(PlainLines(status, out).on_event)


def _while_read(listener: OnEvent) -> OnEvent:
    """Return a listener that stops writing when standard error is closed: that must not end the run."""
    silent = False

    def on_event(event: RunEvent) -> None:
        nonlocal silent
        try:
            if not silent:
                listener(event)
        except OSError as error:
            silent = True
            logger.debug("progress can no longer be told: %s", error)

    return on_event


class PlainLines:
    """A line for each phase, and one every ten seconds within it."""

    def __init__(self, status: Status, out: IO[str], now: Callable[[], float] = time.monotonic) -> None:
        self._status, self._out, self._now = status, out, now
        self._last_s = now()

    def on_event(self, event: RunEvent) -> None:
        """Take in one event."""
        if event.kind == "log":
            _print_log(event, self._out)
            return
        now_s = self._now()
        self._status.take(event, now_s)
        if event.kind == "phase" or now_s - self._last_s >= PLAIN_PERIOD_S:
            self._last_s = now_s
            line = ", ".join([self._status.headline(), *self._status.parts(now_s)])
            print(line, file=self._out, flush=True)


class LiveLine:
    """One line that is rewritten with every event, and once a second between events so that its times go on.

    Written by hand: a full-screen library would cost the measured machine more than a line needs.
    """

    def __init__(self, status: Status, out: IO[str]) -> None:
        self._status, self._out = status, out
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> LiveLine:
        self._out.write(HIDE_CURSOR)
        self._ticker.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        with self._lock, suppress(OSError):
            self._out.write(CLEAR + SHOW_CURSOR)
            self._out.flush()

    def on_event(self, event: RunEvent) -> None:
        """Take in one event."""
        with self._lock:
            if event.kind == "log":
                self._out.write(CLEAR)
                _print_log(event, self._out)
            else:
                self._status.take(event, time.monotonic())
            self._draw()

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            with self._lock, suppress(OSError):
                if not self._ended.is_set():
                    self._draw()

    def _draw(self) -> None:
        """Rewrite the line; a terminal that was stopped (Ctrl-S) gets a later one: no thread may wait with the lock."""
        if not takes_text(self._out):
            return
        width = shutil.get_terminal_size().columns
        line = fitted(self._status.headline(), self._status.parts(time.monotonic()), width - 1)
        self._out.write(CLEAR + (line if "NO_COLOR" in os.environ else _bold_head(line)))
        self._out.flush()


def fitted(headline: str, parts: list[str], width: int) -> str:
    """Return the headline with as many of the parts, from the front, as a width has room for."""
    line = headline
    for part in parts:
        if len(line) + len(part) + 3 > width:
            break
        line += f" · {part}"
    return line[:width]


def _bold_head(line: str) -> str:
    head, separator, rest = line.partition(" · ")
    return f"\x1b[1m{head}\x1b[0m{separator}{rest}"


def _print_log(event: RunEvent, out: IO[str]) -> None:
    if event.kind == "log":
        print(f"{event.level or 'note'}: {event.message}", file=out, flush=True)
