"""Where the worker runs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from llenergymeasure import plugins
from llenergymeasure.config.base import NonEmpty
from llenergymeasure.config.plugin_options import InlineOptions, known_plugin


class LauncherConfig(InlineOptions):
    """Where the worker runs, the process that measures; the options of the launcher stand beside its name."""

    plugin_kind: ClassVar[plugins.Kind] = "launchers"
    name_field: ClassVar[str] = "kind"

    kind: NonEmpty = "local"
    """`local`: a process on this machine; or an installed plugin."""
    python: NonEmpty | None = None
    """Interpreter of the worker, in which llenergymeasure and the backend are installed; null: that of `llem`."""

    @field_validator("kind")
    @classmethod
    def _launcher_is_known(cls, value: str) -> str:
        return known_plugin("launchers", value)
