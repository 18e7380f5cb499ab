"""The driver of each kind of load: one literal table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llenergymeasure.backends.base import Backend
from llenergymeasure.config.load import LoadConfig
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.load.base import DriverInputs, LoadDriver

DRIVERS: dict[str, str] = {
    "offline": "llenergymeasure.load.offline:OfflineDriver",
    "closed": "llenergymeasure.load.closed:ClosedLoopDriver",
    "open": "llenergymeasure.load.timed:TimedDriver",
    "replay": "llenergymeasure.load.timed:TimedDriver",
}
"""By the `kind` of the `load:` section; imported when it is used, since an event loop costs start-up time."""


def load_problem(load: LoadConfig, backend: Backend | type[Backend]) -> str | None:
    """Return why this load cannot be driven with a backend, with what to set instead; None where it can."""
    problem: str | None = _driver_class(load).problem(backend)
    return problem


@contextmanager
def open_driver(load: LoadConfig, inputs: DriverInputs) -> Iterator[LoadDriver]:
    """Make the driver of a load, and close it at the end.

    Raises:
        ConfigError: this load cannot be driven with this backend.
    """
    problem = load_problem(load, inputs.backend)
    if problem is not None:
        raise ConfigError(problem)
    driver: LoadDriver = _driver_class(load)(load, inputs)
    try:
        yield driver
    finally:
        driver.close()


def _driver_class(load: LoadConfig) -> Any:
    module, _, name = DRIVERS[load.kind].partition(":")
    return getattr(importlib.import_module(module), name)
