"""What every plugin states about itself."""

from __future__ import annotations

from typing import Any


def check_declarations(plugin: Any) -> None:
    """Check name, required modules and install command of a plugin class.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert plugin.name, "a plugin has a name"
    assert isinstance(plugin.requires, tuple), "requires lists the modules that must be importable"
    assert plugin.install.startswith(("pip ", "sudo ", "apt")), "install is a command that can be pasted"
