"""A server to send requests to: one that runs already, or one that is started and ended here."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llenergymeasure.backends.server.presets import ResetRule
from llenergymeasure.backends.server.process.command import (
    Cache,
    StartCommand,
    keeps_prefixes,
    start_command,
    start_problems,
)
from llenergymeasure.backends.server.process.counters import read_counters
from llenergymeasure.backends.server.process.launched import LaunchedServer
from llenergymeasure.backends.server.process.listeners import (
    is_this_machine,
    listening_pids,
    port_of,
    process_name,
)
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.backends.server.process.plain_http import NoAnswer, ask
from llenergymeasure.backends.server.process.reach import (
    NotReached,
    ServedModel,
    find_model,
    served_models,
)
from llenergymeasure.backends.server.process.reset import reset_prefix_cache
from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.domain.server_side import ServerSample
from llenergymeasure.exceptions import BackendError

LOG = "server.log"
"""Standard output and error of a server that was started."""
FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
"""Between two looks at the health of a server that is starting: it doubles."""
ATTEMPT_S = 2.0


class ConnectedServer:
    """A server that is ready, with what can be asked of it outside of the windows."""

    def __init__(
        self,
        *,
        url: str,
        model: ServedModel,
        options: StartOptions,
        cache: Cache,
        api_key: str | None,
        launched: LaunchedServer | None = None,
        own_folder: Path | None = None,
    ) -> None:
        self.url = url
        """Root of its API, without a slash at its end."""
        self.served_name = model.name
        self.context_limit = model.context_length
        """Tokens of prompt and answer together; None where the server does not say."""
        self.preset = options.row
        self.pids_unknown: str | None = None
        """Why none of its processes are known; None where they are."""
        self._options = options
        self._cache = cache
        self._api_key = api_key
        self._launched = launched
        self._own_folder = own_folder
        parts = urlsplit(url)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._listeners = frozenset[int]() if launched is not None else self._find_listeners()

    @property
    def log_path(self) -> Path | None:
        """The log of a server that was started here."""
        return None if self._launched is None else self._launched.log_path

    def request_options(self) -> Mapping[str, Any]:
        """Return what to add to the body of each request, for token counts and for the cache policy."""
        cold = self.preset.cold_request if self._cache == "cold" else {}
        return {**self.preset.usage_options, **cold}

    def keeps_prefixes(self) -> bool:
        """Whether it may keep prefixes between requests, as it was started and as it is asked."""
        if self._cache == "cold" and self.preset.cold_request:
            return False
        if self._launched is None:
            return True  # how it was started is not known
        return keeps_prefixes(self._options, self._cache)

    def pids(self) -> frozenset[int]:
        """Return all processes of the server; empty where they are not known, and `pids_unknown` says why."""
        if self._launched is not None:
            return self._launched.pids()
        return frozenset(pid for found in self._listeners for pid in (found, *descendants(found)))

    def ended(self) -> str | None:
        """Return how and why a server that was started here ended, or lost its engine; None while it serves."""
        if self._launched is None:
            return None
        return self._launched.ended() or self._launched.ran_out_of_memory()

    def reset_prefix_cache(self) -> str | None:
        """Empty the prefix cache; None once the server has confirmed that, else why it has not."""
        rule = self._reset_rule()
        if rule is None:
            kind = self.preset.name
            return (
                f"nothing is known that empties the prefix cache of a server of the kind '{kind}' → set server.preset "
                "or server.reset_path"
                if kind == "openai"
                else f"{kind} has no way to empty its prefix cache from outside"
            )
        return reset_prefix_cache(self._root, rule, self._api_key)

    def sample(self) -> ServerSample:
        """Read the server's counters once."""
        row = self.preset
        path = self._options.metrics_path or row.metrics_path
        return read_counters(
            None if path is None else self._root + path,
            row.counters,
            energy_url=None if row.energy_path is None else self._root + row.energy_path,
            needs=row.metrics_need,
            api_key=self._api_key,
        )

    def close(self) -> None:
        """End a server that was started here, with all its processes; one that ran already runs on.

        Raises:
            BackendError: processes of it are left.
        """
        if self._launched is not None:
            self._launched.close()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _reset_rule(self) -> ResetRule | None:
        if self._options.reset_path is not None:
            return ResetRule(path=self._options.reset_path, confirmed="success_is_true", needs="")
        return self.preset.reset

    def _find_listeners(self) -> frozenset[int]:
        parts = urlsplit(self.url)
        port = port_of(parts)
        if not is_this_machine(parts.hostname or ""):
            self.pids_unknown = f"the server runs on another machine, {parts.hostname}"
            return frozenset()
        found = listening_pids(port)
        if not found:
            whose = "it is another user's, or in a container"
            self.pids_unknown = f"the system does not say which process listens on port {port}: {whose}"
        return found


def open_server(
    options: StartOptions,
    *,
    model: str,
    revision: str | None = None,
    url: str | None = None,
    cache: Cache = "cold",
    api_key: str | None = None,
    folder: Path | None = None,
) -> ConnectedServer:
    """Return a server that is ready: the one at `url`, or without one the server that the options start.

    `model` is the served name of the former, and what the latter loads. The log of the latter is written to `folder`,
    or without one to a temporary folder that `close` removes.

    Raises:
        BackendError: it does not answer, is something else, serves another model, or does not start.
    """
    if url is None:
        return _start(options, model, revision, cache, api_key, folder)
    try:
        found = find_model(served_models(url, api_key=api_key), model, url)
    except NotReached as problem:
        raise BackendError(str(problem)) from None
    return ConnectedServer(url=url, model=found, options=options, cache=cache, api_key=api_key)


def _start(
    options: StartOptions,
    model: str,
    revision: str | None,
    cache: Cache,
    api_key: str | None,
    folder: Path | None,
) -> ConnectedServer:
    problems = start_problems(options)
    if problems:
        raise BackendError("; ".join(problems))
    start = start_command(options, model, revision, cache)
    name = f"the {options.row.name} server" if options.preset else "the server"
    own_folder = Path(tempfile.mkdtemp(prefix="llem-server-")) if folder is None else None
    launched: LaunchedServer | None = None
    try:
        log = (folder or own_folder or Path()) / LOG
        launched = LaunchedServer(start.command, start.environment, log, name=name)
        _await_health(launched, start, options, name)
        url = start.root + options.row.api_root
        served = _served(launched, url, model, api_key)
        return ConnectedServer(
            url=url,
            model=served,
            options=options,
            cache=cache,
            api_key=api_key,
            launched=launched,
            own_folder=own_folder,
        )
    except BaseException:
        if launched is not None:
            with suppress(BackendError):  # what went wrong first is the one to report
                launched.close()
        if own_folder is not None:
            shutil.rmtree(own_folder, ignore_errors=True)
        raise


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


def _served(launched: LaunchedServer, url: str, model: str, api_key: str | None) -> ServedModel:
    """Return the model that a started server serves: its only one, or else the one of that name."""
    try:
        models = served_models(url, api_key=api_key)
        return models[0] if len(models) == 1 else find_model(models, model, url)
    except NotReached as problem:
        raise BackendError(f"{problem}\n{launched.tail()}") from None
