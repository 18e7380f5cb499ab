"""A server to send requests to: one that runs already, or one that is started and ended here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llenergymeasure.backends.server.presets import ResetRule
from llenergymeasure.backends.server.process.command import Cache, keeps_prefixes
from llenergymeasure.backends.server.process.counters import read_counters
from llenergymeasure.backends.server.process.launched import LaunchedServer
from llenergymeasure.backends.server.process.listeners import (
    is_this_machine,
    listening_pids,
    port_of,
)
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.backends.server.process.reach import (
    NotReached,
    ServedModel,
    find_model,
    served_models,
)
from llenergymeasure.backends.server.process.reset import reset_prefix_cache
from llenergymeasure.backends.server.process.starting import start_server
from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.domain.server_side import ServerSample
from llenergymeasure.exceptions import BackendError

LOG = "server.log"
"""Standard output and error of a server that was started."""


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
    own_folder = Path(tempfile.mkdtemp(prefix="llem-server-")) if folder is None else None
    launched: LaunchedServer | None = None
    try:
        launched, root = start_server(options, model, revision, cache, (folder or own_folder or Path()) / LOG)
        url = root + options.row.api_root
        return ConnectedServer(
            url=url,
            model=_served(launched, url, model, api_key),
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


def _served(launched: LaunchedServer, url: str, model: str, api_key: str | None) -> ServedModel:
    """Return the model that a started server serves: its only one, or else the one of that name."""
    try:
        models = served_models(url, api_key=api_key)
        return models[0] if len(models) == 1 else find_model(models, model, url)
    except NotReached as problem:
        raise BackendError(f"{problem}\n{launched.tail()}") from None
