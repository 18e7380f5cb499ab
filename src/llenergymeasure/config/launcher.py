"""Where the worker runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from llenergymeasure.config.base import Section


class LauncherConfig(Section):
    """Where the worker runs, the process that measures."""

    kind: Literal["local"] = "local"
    """`local`: a process on this machine."""
    python: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Interpreter of the worker, in which llenergymeasure and the backend are installed; null: that of `llem`."""
