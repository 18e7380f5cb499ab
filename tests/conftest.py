"""Fixtures that every test may use."""

from __future__ import annotations

import signal

pytest_plugins = [
    "tests.support.simulator_fixtures",
    "tests.support.model_fixtures",
    "tests.support.plugin_fixtures",
    "tests.support.vllm_models",
]


def pytest_configure() -> None:
    """Let signals reach the processes that tests start, whoever started the tests.

    A shell starts its background jobs with SIGINT ignored, `nohup` a command with SIGHUP ignored, and child processes
    inherit that.
    """
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, default)
