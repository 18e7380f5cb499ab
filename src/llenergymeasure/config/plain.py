"""Values of free settings that a file can have, so that the process that measures reads what was given."""

from __future__ import annotations

from math import isfinite
from typing import Any


def not_plain(value: Any, name: str) -> str | None:
    """Return which part of a setting no file can hold, and why; None where all of it can be written and read back."""
    if isinstance(value, dict):
        strange = next((key for key in value if not isinstance(key, str)), None)
        if strange is not None:
            return f"{name} has the key {strange!r}, and keys are text"
        parts = [(each, f"{name}.{key}") for key, each in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(each, f"{name}[{index}]") for index, each in enumerate(value)]
    else:
        why = _scalar_problem(value)
        return None if why is None else f"{name} {why}"
    return next((found for each, part in parts if (found := not_plain(each, part)) is not None), None)


def _scalar_problem(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        return None if isfinite(value) else "is not a finite number"
    try:
        if isinstance(value, int):
            str(value)
        elif isinstance(value, str):
            value.encode()
        else:
            return f"is of type {type(value).__name__}; give text, a number, true, false, null, a list or a mapping"
    except ValueError:
        return "has thousands of digits, or is no Unicode text"
    return None
