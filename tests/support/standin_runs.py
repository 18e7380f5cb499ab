"""Whole runs with the stand-in backend: their settings, and where they leave their bundles."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUICK: dict[str, Any] = {
    "model": "any",
    "backend": "standin",
    "device": "cpu",
    "workload": {"dataset": "synthetic", "n_prompts": 8, "input_tokens": 5},
    "measurement": {
        "baseline": {"idle_s": 0.4, "loaded_s": 0},
        "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": None},
        "window": {"min_duration_s": 0.5},
        "repeats": {"min": 3, "max": 3},
    },
    "energy": {"meters": "estimate"},
    "standin": {"token_s": 0.005},
}
"""Three windows of half a second."""


def with_measurement(**changes: Any) -> dict[str, Any]:
    """Return QUICK with sections of `measurement` replaced."""
    return {**QUICK, "measurement": {**QUICK["measurement"], **changes}}


BRIEF = with_measurement(window={"min_duration_s": 0.2}, repeats={"min": 1, "max": 1})
"""One window."""
LONG = with_measurement(window={"min_duration_s": 60})
"""A window that outlasts every test."""


def bundles_in(tmp_path: Path) -> list[Path]:
    """Return the bundles that runs with `--output tmp_path/out` have written."""
    return sorted((tmp_path / "out" / "single").glob("[!.]*"))


def wait_for(find: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Return what `find` returns as soon as that is something."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
