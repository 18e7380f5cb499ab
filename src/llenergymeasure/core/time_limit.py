"""Calls that may never return: waited for so long, and then left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable


def fault_within(seconds: float, call: Callable[[], object]) -> Exception | None:
    """Return what a call raises in that time, TimeoutError if it takes longer; it is then left behind."""
    faults: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed on
            faults.append(error)

    thread = threading.Thread(target=run, name="time-limit", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return TimeoutError(f"no answer within {seconds:g} s")
    return faults[0] if faults else None
