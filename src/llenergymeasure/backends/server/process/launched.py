"""A server that we have started: its processes, its log, how it ended, and its end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from llenergymeasure.backends.server.process.diagnose import (
    cause_in,
    last_words,
    quoted_tail,
    ran_out_of_memory,
    read_tail,
)
from llenergymeasure.core.processes.answers import how_it_ended
from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.core.processes.process_group import end_processes
from llenergymeasure.core.python_process import python_command
from llenergymeasure.exceptions import BackendError

GUARD = "llenergymeasure.backends.server.process.guard"
END_AT_MOST_S = 20.0
"""For the guard to end a server; it allows three times five seconds."""
START_AT_MOST_S = 10.0
"""For the guard to start the program; the server's own start is not part of that."""
KILL = ((signal.SIGKILL, 5.0),)


class LaunchedServer:
    """A running server and all its processes; none of them outlives `close`, or the end of this process."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, *, name: str = "the server"
    ) -> None:
        """Start the program; it is not ready yet.

        Raises:
            BackendError: there is no such program, or it cannot be run.
        """
        self.log_path = log
        self.program = command[0]
        self.pid = 0
        """Of the server; 0 until it is started."""
        self._name = name
        self._told = b""
        self._returncode: int | None = None
        self._log_start = _size(log)
        with log.open("ab") as file:
            self._guard = subprocess.Popen(
                python_command(GUARD, *command),
                stdin=subprocess.PIPE,  # its end is the end of this process
                stdout=subprocess.PIPE,
                stderr=file,
                env=dict(environment),
            )
        try:
            self._await_start()
        except BaseException:
            self.close()
            raise

    def pids(self) -> frozenset[int]:
        """Return all processes of the server, and the one that guards it."""
        return frozenset((self._guard.pid, *descendants(self._guard.pid)))

    def ended(self) -> str | None:
        """Return how and why the server ended, or cannot serve any more, in one sentence with the end of its log."""
        self._listen(0)
        if self._returncode is not None:
            return self._sentence(how_it_ended(self._returncode), killed=self._returncode == -signal.SIGKILL)
        if self._guard.poll() is not None:
            return self._sentence("was ended from outside, with the process that guards it", killed=True)
        return None

    def ran_out_of_memory(self) -> str | None:
        """Return the sentence for a server that goes on without its engine, which lacked memory."""
        text = read_tail(self.log_path, self._log_start)
        return self._sentence("ran out of memory", killed=False) if ran_out_of_memory(text) else None

    def tail(self) -> str:
        """Return the end of what the server wrote, without secrets, after a line that says where all of it is."""
        text = quoted_tail(read_tail(self.log_path, self._log_start))
        return f"The end of its log:\n{text}" if text else "It wrote nothing."

    def close(self) -> None:
        """End the server, and return when all its processes are gone; may be called twice.

        Raises:
            BackendError: processes are left, which the system does not end.
        """
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._guard.wait(END_AT_MOST_S)
        except subprocess.TimeoutExpired:
            left = descendants(self._guard.pid)
            end_processes(lambda: [pid for pid in left if _is_alive(pid)], KILL)
            self._guard.kill()
            self._guard.wait()
            left = [pid for pid in left if _is_alive(pid)]
            if left:
                raise BackendError(
                    f"processes of {self._name} cannot be ended: {', '.join(map(str, left))} → end them by hand; "
                    "where a GPU driver holds them, only a restart of the machine does"
                ) from None

    def _await_start(self) -> None:
        while self.pid == 0:
            if not self._listen(START_AT_MOST_S):
                raise BackendError(f"{self._name} did not start: its guard does not answer\n{self.tail()}")
            first = self._told.partition(b"\n")[0].decode("utf-8", "replace").split(maxsplit=1)
            if b"\n" in self._told and first[0] == "failed":
                raise BackendError(
                    f"{self._name} cannot be started: {self.program}: {first[1]} → check server.command or "
                    "server.python, and that the server is installed there"
                )
            if b"\n" in self._told:
                self.pid = int(first[1])

    def _listen(self, seconds: float) -> bool:
        """Take what the guard tells; False where it told nothing, or is gone."""
        pipe = self._guard.stdout
        if pipe is None or pipe.closed or not select.select([pipe], [], [], seconds)[0]:
            return False
        piece = os.read(pipe.fileno(), 1 << 12)
        self._told += piece
        for line in self._told.decode("utf-8", "replace").splitlines():
            if line.startswith("ended ") and self._told.endswith(b"\n"):
                self._returncode = int(line.split()[1])
        return bool(piece)

    def _sentence(self, how: str, *, killed: bool) -> str:
        text = read_tail(self.log_path, self._log_start)
        cause = cause_in(text)
        last = last_words(text)
        why = f": {cause}" if cause is not None else f": {last}" if last else ""
        if cause is None and killed:
            why = ": most likely the machine ran out of memory → take a smaller model or context"
        was = "was " if how.startswith("killed") else ""
        return f"{self._name} {was}{how}{why}\n{self.tail()}"


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
