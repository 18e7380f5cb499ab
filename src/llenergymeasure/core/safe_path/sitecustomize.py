"""Python 3.10 without imports from the current folder, for a process and all Python processes that it starts."""

from __future__ import annotations

import importlib
import os
import sys


class EmptyFolder:
    """A path entry finder (PEP 302) that finds no module."""

    def find_spec(self, _name: str, _target: object = None) -> None:
        """Return that the module is not here."""

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


def close_current_folder() -> None:
    """Let the import system find nothing in the current folder, except where PYTHONPATH names it in full.

    `python -m` and `python -c` put the folder on `sys.path` after this module has run, so it cannot be removed there.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path_importer_cache[folder] = EmptyFolder()  # None would be dropped by `invalidate_caches`


def run_next_sitecustomize() -> None:
    """Run the `sitecustomize` that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    own = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = own


if __name__ == "sitecustomize":
    close_current_folder()
    run_next_sitecustomize()
