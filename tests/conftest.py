"""Fixtures that every test may use."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.simulator_fixtures",
    "tests.support.model_fixtures",
    "tests.support.plugin_fixtures",
]
