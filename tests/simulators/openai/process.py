"""The stand-in server in a process of its own, or in the event loop of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.server import Engine, listen

ROOT = Path(__file__).parents[3]
STOPS_WITHIN_S = 10.0


@dataclass(frozen=True, kw_only=True)
class RunningStandIn:
    """A stand-in server that answers at `url`, which ends in `/v1`."""

    port: int
    pid: int
    engine: Engine | None = None
    """Of a server in this process."""

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"


@contextmanager
def standin_server(options: StandInServer | None = None, port: int = 0) -> Iterator[RunningStandIn]:
    """Start the server, and end it afterwards; its times are not disturbed by what the test does."""
    command = [sys.executable, "-m", "tests.simulators.openai.server"]
    given = (options or StandInServer()).as_json()
    process = subprocess.Popen([*command, given, str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield RunningStandIn(port=int(process.stdout.readline()), pid=process.pid)
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN_S)
        process.stdout.close()


@asynccontextmanager
async def standin_in_loop(options: StandInServer | None = None) -> AsyncIterator[RunningStandIn]:
    """Serve in the running event loop: quick to start, for tests of what is answered, not of when."""
    server, port, engine = await listen(options or StandInServer())
    async with server:
        yield RunningStandIn(port=port, pid=os.getpid(), engine=engine)
