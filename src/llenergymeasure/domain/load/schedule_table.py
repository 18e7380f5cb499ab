"""The schedule as columns: the raw table of what was to be sent and when, written down before it was due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.request_table import UNKNOWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEDULE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("request_id", "O"),
    ("stream", "i4"),
    ("repeat", "i4"),
    ("offset_ns", "i8"),
    ("prompt", "i4"),
    ("prompt_tokens", "i4"),
)
"""Name and numpy type of every column."""
OPTIONAL_COLUMNS = frozenset({"offset_ns"})
"""Columns in which `UNKNOWN` stands for a later turn of a session, due when the turn before has ended; null on disk."""


@dataclass(frozen=True, kw_only=True)
class PlannedRequest:
    """One request of the schedule."""

    request_id: str
    stream: int
    """Number of the stream of arrivals, from 0: each begins at a moment of its own, from which its offsets count."""
    repeat: int
    """The window that the stream is of; `WARMUP_REPEAT` for those around them."""
    offset_ns: int | None
    """When it is due, since the begin of its stream; None for a later turn of a session."""
    prompt: int
    """Place of its prompt in the workload, from 0."""
    prompt_tokens: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleTable:
    """Planned requests as immutable columns of shape (n,), in the order in which they were planned."""

    request_id: NDArray[np.object_]
    stream: NDArray[np.int32]
    repeat: NDArray[np.int32]
    offset_ns: NDArray[np.int64]
    prompt: NDArray[np.int32]
    prompt_tokens: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.request_id)

    @classmethod
    def from_records(cls, records: Iterable[PlannedRequest]) -> ScheduleTable:
        """Return the table with one row per record, in the order given."""
        rows = list(records)
        return cls(**{name: _column(rows, name, kind) for name, kind in SCHEDULE_COLUMNS})

    @classmethod
    def concatenate(cls, tables: Sequence[ScheduleTable]) -> ScheduleTable:
        """Return the rows of several tables, one below the other."""
        import numpy as np

        if not tables:
            return cls.from_records(())
        return cls(
            **{name: np.concatenate([getattr(each, name) for each in tables]) for name, _ in SCHEDULE_COLUMNS}
        )


def _column(rows: Sequence[PlannedRequest], name: str, kind: str) -> NDArray[Any]:
    import numpy as np

    values = [getattr(row, name) for row in rows]
    column = np.empty(len(rows), dtype=kind)
    column[:] = [UNKNOWN if each is None else each for each in values]
    return column
