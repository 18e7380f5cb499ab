"""The command line, environment and port of a server that is to be started."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llenergymeasure.backends.server.presets import Preset
from llenergymeasure.backends.server.process.listeners import listening_pids, process_name
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.core.python_process import environment_of_others
from llenergymeasure.domain.model.files.located import local_files
from llenergymeasure.domain.model.reference import parse_model_ref

HOST = "127.0.0.1"
"""Where a server that we start listens: this machine alone."""
Cache = Literal["cold", "warm", "as_is"]


@dataclass(frozen=True, kw_only=True)
class StartCommand:
    """All that starting a server takes."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment of the server."""
    port: int
    optional: tuple[str, ...] = ()
    """Arguments of the command that older releases of the server do not know."""

    @property
    def root(self) -> str:
        """The address without a path."""
        return f"http://{HOST}:{self.port}"


def start_command(
    options: StartOptions,
    model: str,
    revision: str | None = None,
    cache: Cache = "cold",
    *,
    with_optional: bool = True,
) -> StartCommand:
    """Fill in the command of the options or of their preset; a port is chosen where none is given."""
    port = options.port or free_port()
    row = options.row
    filled = {
        "{python}": _python(options),
        "{model}": model_argument(model, revision),
        "{host}": HOST,
        "{port}": str(port),
    }
    optional = row.optional_arguments if with_optional and not options.command else ()
    added = (*optional, *_cache_arguments(row, options, cache), *options.arguments)
    template = options.command or (*row.command, *added)
    return StartCommand(
        command=tuple(_fill(part, filled) for part in template),
        environment={
            **_environment(options),
            **{name: _fill(text, filled) for name, text in row.environment.items()},
            **options.environment,
        },
        port=port,
        optional=optional,
    )


def start_problems(options: StartOptions, model: str = "") -> list[str]:
    """Return why a server cannot be started, one sentence each; nothing is started."""
    if not options.command and not options.row.command:
        return [
            f"a server of the kind {options.row.name} is not started by llem: set server.url or server.command"
        ]
    problems = [] if options.port is None else [*_port_problems(options.port)]
    program = _fill((options.command or options.row.command)[0], {"{python}": _python(options)})
    if shutil.which(program) is None and not (os.sep in program and os.access(program, os.X_OK)):
        fix = "server.python" if program == options.python else "server.command"
        problems.append(
            f"the program of the server, {program}, is not found on this machine → install it, or state its path "
            f"in {fix}"
        )
    return problems


def keeps_prefixes(options: StartOptions, cache: Cache) -> bool:
    """Whether a server that we start with these options keeps prefixes between requests, as far as can be told."""
    row = options.row
    if options.command or not row.command:
        return row.keeps_prefixes
    added = (*_cache_arguments(row, options, cache), *options.arguments)
    if row.cold_arguments and any(part in added for part in row.cold_arguments):
        return False
    return row.keeps_prefixes or any(part in added for part in row.warm_arguments)


def model_argument(model: str, revision: str | None = None) -> str:
    """Return what a server is to load: the path of a model on this machine, else the name as it is."""
    ref = parse_model_ref(model, revision)
    if ref.kind not in ("path", "package"):
        return model
    found = local_files(ref, revision)
    return str(found.path.absolute()) if found is not None else model


def free_port() -> int:
    """Return a port on which nothing listens; whoever is quick may take it before the server does."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _port_problems(port: int) -> Iterator[str]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            yield f"port {port} is reserved to the system → set server.port to one above 1023, or leave it out"
        except OSError:
            owners = sorted(listening_pids(port))
            who = f" by {process_name(owners[0])} (pid {owners[0]})" if owners else ""
            yield (
                f"port {port} is in use{who} → end that program, talk to it (server.url: http://{HOST}:{port}/v1), or "
                "leave server.port out and a free one is chosen"
            )


def _cache_arguments(row: Preset, options: StartOptions, cache: Cache) -> tuple[str, ...]:
    """Return what makes the engine keep prefixes or not, unless the user says it."""
    said = {*row.cold_arguments, *row.warm_arguments} & set(options.arguments)
    if said or cache == "as_is":
        return ()
    return row.cold_arguments if cache == "cold" else row.warm_arguments


def _python(options: StartOptions) -> str:
    return str(Path(options.python).expanduser()) if options.python else sys.executable


def _environment(options: StartOptions) -> dict[str, str]:
    """Return our environment, with the programs beside another interpreter before all others."""
    environment = environment_of_others(os.environ)
    if options.python is None:
        return environment
    programs = str(Path(_python(options)).absolute().parent)
    return {**environment, "PATH": os.pathsep.join([programs, environment.get("PATH", os.defpath)])}


def _fill(text: str, values: Mapping[str, str]) -> str:
    for place, value in values.items():
        text = text.replace(place, value)
    return text
