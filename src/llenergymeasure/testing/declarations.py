"""Conformance check of a plugin's declaration."""

from __future__ import annotations

from llenergymeasure.config.base import Section
from llenergymeasure.plugins import Plugin


def check_plugin(plugin: Plugin) -> None:
    """Check a declaration: it loads what it names, its command can be pasted, its options are a section with defaults.

    Raises:
        AssertionError: with the rule that does not hold.
        PluginError: what it names does not import.
    """
    assert plugin.name.isidentifier(), "a plugin's name is a key of the configuration: letters, digits and _"
    assert plugin.install.startswith(("pip ", "sudo ", "apt")), "install is a command that can be pasted"
    if plugin.target is not None:
        assert plugin.load().name == plugin.name, "the class has the name under which it is declared"
    options = plugin.options_model()
    if options is not None:
        assert issubclass(options, Section), "options are a llenergymeasure.config.base.Section"
        for name, field in options.model_fields.items():
            assert field.description, f"option {name} has a docstring, which the JSON Schema shows"
