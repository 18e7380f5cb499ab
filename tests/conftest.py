"""Fixtures that every test may use."""

from __future__ import annotations

import signal

pytest_plugins = [
    "tests.support.simulator_fixtures",
    "tests.support.model_fixtures",
    "tests.support.plugin_fixtures",
]


def pytest_configure() -> None:
    """Let an interrupt reach the processes that tests start, whoever started the tests.

    A shell starts its background jobs with SIGINT ignored, and a child process inherits that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
