"""What the processes of vLLM's engine wrote before they failed: it tells the cause to nobody else."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from llenergymeasure.core.secrets import mask_secrets

MOST_READ = 1 << 20
_ERROR = re.compile(
    r"^(?:\([^)]*\) )?(?:(?:ERROR|CRITICAL) [\d-]+ [\d:]+ \[[^\]]*\] )?"
    r"(?P<text>(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?:: .*)?)$"
)
"""The last line of a traceback, as Python writes it or as vLLM's log does: `(EngineCore pid=7) ERROR 11-28 10:00:01
[core.py:900] ValueError: ...`."""
_CONSEQUENCES = re.compile(
    r"Engine core initialization failed|EngineDeadError|EngineCore encountered|WorkerProc (?:failed|initialization)|"
    r"Executor failed|cancelled|BrokenPipe|resource_tracker|KeyboardInterrupt"
)
"""Errors that say no more than that another one came before."""
_OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|MemoryError|out of memory|Cannot allocate memory|No available memory"
    r"|on startup is less than desired"
)


class EngineMessages:
    """Standard error of this process and of those that it starts, where that is a file, from now on."""

    def __init__(self) -> None:
        self._file = _file_of_standard_error()
        self._start = 0 if self._file is None else self._file.stat().st_size

    def cause(self) -> str | None:
        """Return the error that came first, in one line; None where there is none, or it cannot be read."""
        lines = self._lines()
        found = [match for line in lines if (match := _ERROR.search(line.rstrip()))]
        causes = [each for each in found if not _CONSEQUENCES.search(each["text"])]
        if not causes:
            return None
        memory = next((each for each in causes if _OUT_OF_MEMORY.search(each["text"])), None)
        return mask_secrets((memory or causes[0])["text"])[:300]

    def _lines(self) -> list[str]:
        if self._file is None:
            return []
        try:
            with self._file.open("rb") as file:
                file.seek(self._start)
                return file.read(MOST_READ).decode("utf-8", "replace").splitlines()
        except OSError:
            return []


def is_out_of_memory(cause: str) -> bool:
    """Whether an error says that memory was used up."""
    return _OUT_OF_MEMORY.search(cause) is not None


def _file_of_standard_error() -> Path | None:
    """Return it by its number: the file may have no name any more."""
    path = Path(f"/proc/{os.getpid()}/fd/2")
    try:
        return path if stat.S_ISREG(path.stat().st_mode) else None
    except OSError:
        return None
