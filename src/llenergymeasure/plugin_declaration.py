"""How a backend, a meter, a launcher or a workload is declared: by names, of which nothing is imported yet."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llenergymeasure.exceptions import PluginError
from llenergymeasure.foreign_code import explained

Kind = Literal["backends", "meters", "launchers", "workloads"]
Capability = Literal[
    "measures",
    "estimates",
    "by_name_only",
    "reads_model_folders",
    "keeps_no_prefixes",
    "serves_by_name",
    "limits_each_answer",
]
"""What a plugin can do, as far as others ask.

Meters: `measures` reads sensors; `estimates` models what no sensor reads; `by_name_only` reads sensors that other
meters read too, so `energy: {meters: auto}` leaves it out. Backends: `reads_model_folders` as `save_pretrained` writes
them, so pre-flight looks into a local one; `keeps_no_prefixes` of prompts from one request to the next;
`serves_by_name`: the model is a name that a server knows, on devices of the server's own, so pre-flight looks neither
for the model nor for a GPU here; `limits_each_answer` to its own length.
"""
PACKAGE_INSTALL = "pip install llenergymeasure"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """Declaration of one plugin: its name, what it needs, its options and what it can do; nothing of it is imported.

    `target` and `options` are names, `package.module:Class`: the class that implements the protocol of its kind
    (None: the name is known, and an installed plugin must bring the implementation), and the pydantic model of its
    part of the configuration (None: it has no options). `requires` lists the modules that must be importable,
    `install` is the command that installs them.
    """

    name: str
    target: str | None
    requires: tuple[str, ...] = ()
    install: str = PACKAGE_INSTALL
    options: str | None = None
    capabilities: frozenset[Capability] = frozenset()

    def load(self) -> Any:
        """Import and return the class.

        Raises:
            PluginError: it does not import, with the cause; or no installed plugin implements it.
        """
        if self.target is None:
            raise PluginError(f"nothing installed here implements '{self.name}': install a plugin that does")
        return _imported(self, self.target)

    def options_model(self) -> Any:
        """Import and return the pydantic model of its options, or None.

        Raises:
            PluginError: it does not import, with the cause, or is no model.
        """
        if self.options is None:
            return None
        model = _imported(self, self.options)
        if not isinstance(model, type) or not hasattr(model, "model_fields"):
            raise PluginError(
                f"plugin '{self.name}' does not load: {self.options} is no pydantic model", self.install
            )
        return model

    def missing_modules(self) -> list[str]:
        """Return those of the required modules that are not installed."""
        return missing_modules(self.requires)


def missing_modules(requires: Sequence[str]) -> list[str]:
    """Return those of the modules that are not installed; nothing but parents of dotted names is imported."""
    return [name for name in requires if not _is_installed(name)]


def _is_installed(module: str) -> bool:
    try:
        with explained(PluginError):
            return importlib.util.find_spec(module) is not None
    except PluginError:
        return False  # the parent of a dotted name is missing, or half imported, or raises


def _imported(plugin: Plugin, target: str) -> Any:
    with explained(
        lambda cause: PluginError(f"plugin '{plugin.name}' does not load: {target}: {cause}", plugin.install)
    ):
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
