"""How a Python process is started so that it imports nothing from the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder that holds this package."""
SAFE_PATH = Path(__file__).with_name("safe_path")

NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""Pydantic looks for plugins in the metadata of every installed package when it is imported: one broken package would
end each process of ours, and a plugin would run in the middle of a measurement."""

BOOTSTRAP = (
    "import sys; root, module = sys.argv[1:3]; del sys.argv[1:3]; "
    "sys.path[:] = [*filter(None, sys.path), *filter(None, [root])]; "
    "sys.path_importer_cache.pop(root, None); "
    "import runpy; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
"""As `python -m MODULE`, but without the current folder, the empty entry of `sys.path`: PYTHONSAFEPATH came with 3.11.
This package's folder goes to the end of `sys.path`, so that it is found however the parent process found it."""


def python_command(module: str, *arguments: str, python: str | None = None) -> list[str]:
    """Return the command line that runs a module as `python -m` does, with this interpreter or another one.

    Another interpreter imports the packages that are installed there, llenergymeasure included. Start the command with
    `python_environment`.
    """
    root = str(ROOT) if python is None else ""
    return [python or sys.executable, "-c", BOOTSTRAP, root, module, *arguments]


def python_environment(environ: Mapping[str, str], python: str | None = None) -> dict[str, str]:
    """Return the variables for `python_command`: its child processes import nothing from the current folder either.

    Entries of PYTHONPATH that are empty or `.` stand for the current folder and are left out; a folder named in full
    stays. The version of another interpreter is unknown, so that it gets what 3.10 needs. PYTHONOPTIMIZE=2 becomes 1:
    it removes docstrings, which transformers reads.
    """
    entries = environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [entry for entry in entries if os.path.normpath(entry) != "." and entry != str(SAFE_PATH)]
    if python is not None or sys.version_info < (3, 11):
        paths.insert(0, str(SAFE_PATH))
    environment = {
        NO_PLUGINS: "__all__",
        **environ,
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    if not paths:
        del environment["PYTHONPATH"]
    if environ.get("PYTHONOPTIMIZE", "") > "1":
        environment["PYTHONOPTIMIZE"] = "1"
    return environment


def environment_of_others(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a program of others that one of our processes starts: without what is for ours alone."""
    environment = {name: text for name, text in environ.items() if name not in ("PYTHONSAFEPATH", NO_PLUGINS)}
    paths = [
        path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", str(SAFE_PATH))
    ]
    if paths:
        return {**environment, "PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("PYTHONPATH", None)
    return environment


def search_for_modules_in(folders: Sequence[str]) -> None:
    """Set `sys.path` of this process; the current folder is searched where it is among the folders, named in full.

    Before 3.11 it is closed when the process starts (`safe_path`), and is opened here again.
    """
    sys.path[:] = folders
    for folder in folders:
        sys.path_importer_cache.pop(folder, None)
