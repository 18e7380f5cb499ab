"""What differs between two documents, leaf by leaf."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RELATIVE = 1e-9
"""Machines and library versions differ in the last digits of a sum or a quantile, never by this much."""
ABSOLUTE = 1e-12
"""For what is zero but for rounding, such as the slope of a flat series."""


class Absent:
    """Stands for a key or an entry that the other document has and this one has not."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One leaf; `field` is its path, such as `repeats[1].energy_j`."""

    field: str
    stored: Any
    recomputed: Any


def differences(stored: Any, recomputed: Any, field: str = "") -> Iterator[Difference]:
    """Yield every leaf of two JSON documents that differs; numbers are equal to within a relative 1e-9."""
    if isinstance(stored, Mapping) and isinstance(recomputed, Mapping):
        for key in dict.fromkeys((*stored, *recomputed)):
            path = f"{field}.{key}" if field else str(key)
            yield from differences(stored.get(key, ABSENT), recomputed.get(key, ABSENT), path)
    elif isinstance(stored, list) and isinstance(recomputed, list):
        for index in range(max(len(stored), len(recomputed))):
            yield from differences(_at(stored, index), _at(recomputed, index), f"{field}[{index}]")
    elif not _same(stored, recomputed):
        yield Difference(field=field, stored=stored, recomputed=recomputed)


def unless_default(found: Iterable[Difference], filled: Any, recomputed: Any) -> Iterator[Difference]:
    """Yield the differences without what is absent and has the default that `filled`, the stored document, has there.

    A release before the field was added wrote no such key; one whose value is not the default was removed.
    """
    others = [each.field for each in differences(filled, recomputed)]
    for each in found:
        below = (f"{each.field}.", f"{each.field}[")
        if each.stored is not ABSENT or any(
            other == each.field or other.startswith(below) for other in others
        ):
            yield each


def _at(items: Sequence[Any], index: int) -> Any:
    return items[index] if index < len(items) else ABSENT


def _same(stored: Any, recomputed: Any) -> bool:
    if isinstance(stored, bool) or isinstance(recomputed, bool):
        return stored is recomputed
    if isinstance(stored, float) or isinstance(recomputed, float):
        numbers = isinstance(stored, (int, float)) and isinstance(recomputed, (int, float))
        return numbers and math.isclose(stored, recomputed, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(stored) is type(recomputed) and bool(stored == recomputed)
