"""A text stream on standard output or standard error that never raises, and does not hold up a stop."""

from __future__ import annotations

import io
import os
import select
from typing import IO, TYPE_CHECKING, TextIO

from llenergymeasure.core.processes.stop_signals import stop_is_asked

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE_S = 1.0
"""How long a process that was told to stop waits for a reader that takes nothing."""


class Output(io.TextIOWrapper):
    """A text stream whose first failure is kept, not raised; what follows is dropped."""

    failure: OSError | None = None

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.failure = self.failure or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())  # what is in the buffer goes there too
        os.close(null)
        super().flush()


def output_stream(number: int, replaced: TextIO | None, *, errors: str | None = None) -> Output:
    """Return a stream for the file `number`, 1 or 2, with the settings of the one that it replaces."""
    kind = io.FileIO if number == 1 else _ImpatientFile
    return Output(
        io.BufferedWriter(kind(number, "wb", closefd=False)),
        encoding="utf-8" if replaced is None else replaced.encoding,
        errors=errors or (None if replaced is None else replaced.errors),
        line_buffering=number == 2 or getattr(replaced, "line_buffering", False),
        write_through=getattr(replaced, "write_through", False),
    )


def takes_text(file: int | IO[str], timeout_s: float = 0.0) -> bool:
    """Whether a file takes a short text in time; a pipe that nobody reads does not, nor a terminal that was stopped."""
    try:
        writable = select.poll()
        writable.register(file, select.POLLOUT)
        return bool(writable.poll(timeout_s * 1e3))
    except (OSError, ValueError):  # it has no number: it is no pipe
        return True


class _ImpatientFile(io.FileIO):
    """Waits for its reader as any file does, but once a stop was asked for: then it drops what nobody takes."""

    _dropped = False

    def write(self, data: ReadableBuffer, /) -> int:
        if not stop_is_asked():
            return super().write(data)
        text = memoryview(data)
        if not takes_text(self.fileno(), 0.0 if self._dropped else PATIENCE_S):
            self._dropped = True
            return len(text)
        return super().write(text[: select.PIPE_BUF])  # so much a pipe that can be written takes at once
