"""The choice of a renderer, by name or by where the output goes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import IO, TypeAlias

from llenergymeasure.exceptions import ConfigError
from llenergymeasure.report.summary.document import Document

Render: TypeAlias = Callable[[Document, IO[str]], None]

RENDERERS: dict[str, str] = {
    "console": "llenergymeasure.report.renderers.console:render",
    "plain": "llenergymeasure.report.renderers.plain:render",
}
"""The function of each renderer, by the name of its format."""


def render(document: Document, out: IO[str], name: str | None = None) -> None:
    """Write a document in a format; by default for a terminal where `out` is one, else as plain lines.

    Raises:
        ConfigError: there is no renderer of that name.
    """
    find_renderer(name or ("console" if out.isatty() else "plain"))(document, out)


def find_renderer(name: str) -> Render:
    """Return the renderer of a format.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in RENDERERS:
        raise ConfigError(f"unknown format {name!r}; there are: {', '.join(sorted(RENDERERS))}")
    module, _, function = RENDERERS[name].partition(":")
    renderer: Render = getattr(importlib.import_module(module), function)
    return renderer
