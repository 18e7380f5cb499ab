"""From a command to a server that is ready."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from llenergymeasure.backends.server.process.command import (
    Cache,
    StartCommand,
    start_command,
    start_problems,
)
from llenergymeasure.backends.server.process.launched import LaunchedServer
from llenergymeasure.backends.server.process.listeners import listening_pids, process_name
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.backends.server.process.plain_http import NoAnswer, ask
from llenergymeasure.exceptions import BackendError

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
"""Between two looks at the health of a server that is starting: it doubles."""
ATTEMPT_S = 2.0
"""For an answer about its health."""


def start_server(
    options: StartOptions, model: str, revision: str | None, cache: Cache, log: Path
) -> tuple[LaunchedServer, str]:
    """Start a server, and return it with its address once it is ready; its log is added to a file.

    A release that does not know an optional argument of its preset is started again without.

    Raises:
        BackendError: it cannot be started, ends, is not ready in time, or another program has its port.
    """
    problems = start_problems(options)
    if problems:
        raise BackendError("; ".join(problems))
    start = start_command(options, model, revision, cache)
    try:
        return _ready(start, options, log), start.root
    except BackendError as error:
        unknown = [part for part in start.optional if f"arguments: {part}" in str(error)]
        if not unknown:
            raise
    start = start_command(options, model, revision, cache, with_optional=False)
    return _ready(start, options, log), start.root


def _ready(start: StartCommand, options: StartOptions, log: Path) -> LaunchedServer:
    name = f"the {options.row.name} server" if options.preset else "the server"
    launched = LaunchedServer(start.command, start.environment, log, name=name)
    try:
        _await_health(launched, start, options, name)
    except BaseException:
        with suppress(BackendError):  # what went wrong first is the one to report
            launched.close()
        raise
    return launched


def _await_health(launched: LaunchedServer, start: StartCommand, options: StartOptions, name: str) -> None:
    """Return when the server says that it is ready.

    Raises:
        BackendError: it ended, or did not say so in time; or another program answers in its place.
    """
    url = start.root + (options.health_path or options.row.health_path)
    deadline = time.monotonic() + options.startup_timeout_s
    pause_s, last = FIRST_LOOK_S, "it was not asked"
    while True:
        ended = launched.ended()
        if ended is not None:
            raise BackendError(ended)
        try:
            answer = ask(url, timeout_s=ATTEMPT_S)
            last = f"{url} gave status {answer.status}, '{answer.quoted()}'"
            if answer.status == 200:
                return _require_own_port(launched, start.port, name)
        except NoAnswer as reason:
            last = f"{url}: {reason}"
        if time.monotonic() >= deadline:
            raise BackendError(_not_healthy(launched, options, name, last))
        time.sleep(min(pause_s, max(deadline - time.monotonic(), 0.0)))
        pause_s = min(2 * pause_s, LAST_LOOK_S)


def _require_own_port(launched: LaunchedServer, port: int, name: str) -> None:
    """Refuse a program that answers on the port of the server and is another one, where the system tells."""
    owners = listening_pids(port)
    if owners and not owners & launched.pids():
        pid = min(owners)
        raise BackendError(
            f"{name} was to listen on port {port}, and another program answers there: {process_name(pid)} (pid {pid}) "
            f"→ set another server.port, or leave it out\n{launched.tail()}"
        )


def _not_healthy(launched: LaunchedServer, options: StartOptions, name: str, last: str) -> str:
    return (
        f"{name} was not ready within {options.startup_timeout_s:g} s (server.startup_timeout_s): {last} → allow it "
        f"more time, or state where it tells of its health (server.health_path)\n{launched.tail()}"
    )
