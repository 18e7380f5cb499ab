"""The command of the quick server, and what is left of one."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from llenergymeasure.backends.server.process.options import StartOptions

QUICK_SERVER = Path(__file__).parents[1] / "simulators" / "quick_server.py"


def quick_command(*options: str) -> tuple[str, ...]:
    """Return the command that starts it, as `server.command` has it."""
    return (sys.executable, "-S", str(QUICK_SERVER), "--port", "{port}", *options)


def quick(*options: str, **settings: object) -> StartOptions:
    """Return the options of a quick server that is ready within ten seconds."""
    return StartOptions.model_validate(
        {"command": quick_command(*options), "startup_timeout_s": 10.0, **settings}
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Whether nothing listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def processes_with(text: str) -> set[int]:
    """Return the processes whose command line has this text."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if text.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return {pid for pid in found if is_alive(pid)}
