"""Fixtures that every test may use."""

from __future__ import annotations

pytest_plugins = ["tests.simulator_fixtures", "tests.model_fixtures", "tests.plugin_fixtures"]
