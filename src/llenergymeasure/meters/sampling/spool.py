"""The samples in a growing spool file, each record read once."""

from __future__ import annotations

import logging
import os
import weakref
from bisect import bisect_left
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.sample import RECORD
from llenergymeasure.domain.trace import sample_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

FIRST_CAPACITY = 1024
"""Records of one channel, about 20 s at 50 Hz; doubled when full."""


class SpoolReader:
    """Samples by channel, in time order, of a file that another process appends to.

    Each call reads only what was appended since the last one. Arrays that were handed out never change. Safe to use
    from several threads. The file may be removed while it grows.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = _Growing(spool)
        self._memory = _memory_file()
        self._channels: list[_ChannelSamples] = []
        self._lock = Lock()

    @property
    def memory(self) -> int | None:
        """A file in memory whose samples follow those of the spool: for a disk that takes no more."""
        return None if self._memory is None else self._memory.descriptor

    def read(self, n_channels: int, since_ns: int | None = None) -> tuple[NDArray[Any], ...]:
        """Return each channel's samples from `since_ns` on, as read-only arrays of `domain.sample.FIELDS`.

        A record that is not complete yet, or was cut short by a kill, is left out.
        """
        with self._lock:
            new = self._new_records()
            self._channels += [_ChannelSamples() for _ in range(n_channels - len(self._channels))]
            for number, samples in enumerate(self._channels):
                samples.append(new[new["channel"] == number])
            return tuple(samples.since(since_ns) for samples in self._channels)

    def _new_records(self) -> NDArray[Any]:
        import numpy as np

        in_memory = b"" if self._memory is None else self._memory.unread()
        return np.frombuffer(self._spool.unread() + in_memory, dtype=sample_dtype())


class _Growing:
    """The complete records of a file that were not returned before; the file is kept open."""

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        self._path = path
        self.descriptor = None if descriptor is None else self._owned(descriptor)
        self._offset = 0
        """Our own: the descriptor's may be that of the writing process too."""
        self._failed = False

    def unread(self) -> bytes:
        """Return them; a disk that fails costs what was not read before."""
        try:
            if self.descriptor is None:
                self.descriptor = self._owned(os.open(self._path, os.O_RDONLY))
            return self._unread(self.descriptor)
        except FileNotFoundError:
            return b""
        except OSError as error:
            if not self._failed:
                logger.warning("samples in %s cannot be read: %s", self._path, error.strerror or error)
            self._failed = True
            return b""

    def _unread(self, descriptor: int) -> bytes:
        pieces = b""
        while piece := os.pread(descriptor, 1 << 24, self._offset + len(pieces)):
            pieces += piece
        whole = pieces[: len(pieces) - len(pieces) % RECORD.size]
        self._offset += len(whole)
        return whole

    def _owned(self, descriptor: int) -> int:
        weakref.finalize(self, os.close, descriptor)
        return descriptor


def _memory_file() -> _Growing | None:
    """Return an empty file in memory; None where the system has none."""
    try:
        return _Growing(Path("memory"), os.memfd_create("samples"))
    except (AttributeError, OSError) as error:
        logger.debug("no file in memory: %s", error)
        return None


class _ChannelSamples:
    """The samples of one channel: an array that is filled up and replaced by a larger one when full."""

    def __init__(self) -> None:
        import numpy as np

        self._rows: NDArray[Any] = np.empty(FIRST_CAPACITY, dtype=sample_dtype())
        self._length = 0

    def append(self, new: NDArray[Any]) -> None:
        """Add samples; those of a meter that reports late are merged into their place."""
        if len(new) == 0:
            return
        times_ns = new["t_unix_ns"]
        last_ns = self._rows["t_unix_ns"][self._length - 1] if self._length else times_ns[0]
        if times_ns[0] < last_ns or (times_ns[1:] < times_ns[:-1]).any():
            self._merge(new)
            return
        self._reserve(self._length + len(new))
        self._rows[self._length : self._length + len(new)] = new
        self._length += len(new)

    def since(self, since_ns: int | None) -> NDArray[Any]:
        rows = self._rows[: self._length]
        if since_ns is not None:
            # numpy's own search would first copy the whole column, which is not aligned
            rows = rows[bisect_left(rows["t_unix_ns"], since_ns) :]
        rows.flags.writeable = False
        return rows

    def _reserve(self, length: int) -> None:
        import numpy as np

        if length > len(self._rows):
            grown = np.empty(max(length, 2 * len(self._rows)), dtype=self._rows.dtype)
            grown[: self._length] = self._rows[: self._length]
            self._rows = grown

    def _merge(self, new: NDArray[Any]) -> None:
        import numpy as np

        rows = np.concatenate([self._rows[: self._length], new])
        self._rows = rows[np.argsort(rows["t_unix_ns"], kind="stable")]
        self._length = len(rows)
