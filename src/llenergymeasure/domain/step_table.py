"""Engine steps as columns: the raw table of what the engine computed and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step import StepRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEP_COLUMNS: tuple[tuple[str, str], ...] = (
    ("start_unix_ns", "i8"),
    ("end_unix_ns", "i8"),
    ("prefill_tokens", "i4"),
    ("decode_tokens", "i4"),
    ("requests", "i4"),
    ("context_tokens", "i8"),
    ("drafted_tokens", "i4"),
    ("accepted_tokens", "i4"),
)
"""Name and numpy type of every column."""
OPTIONAL_COLUMNS = frozenset({"drafted_tokens", "accepted_tokens"})
"""Columns in which `UNKNOWN` stands for a step without speculation; null on disk."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StepTable:
    """Steps as immutable columns of shape (n,), in the order in which they were reported; see `StepRecord`."""

    start_unix_ns: NDArray[np.int64]
    end_unix_ns: NDArray[np.int64]
    prefill_tokens: NDArray[np.int32]
    decode_tokens: NDArray[np.int32]
    requests: NDArray[np.int32]
    context_tokens: NDArray[np.int64]
    drafted_tokens: NDArray[np.int32]
    accepted_tokens: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.start_unix_ns)

    @classmethod
    def from_records(cls, records: Iterable[StepRecord]) -> StepTable:
        """Return the table with one row per record, in the order given."""
        rows = list(records)
        return cls(**{name: _column(rows, name, kind) for name, kind in STEP_COLUMNS})

    @classmethod
    def empty(cls) -> StepTable:
        """Return a table without rows."""
        return cls.from_records(())

    @classmethod
    def concatenate(cls, tables: Sequence[StepTable]) -> StepTable:
        """Return the rows of several tables, one below the other."""
        import numpy as np

        if not tables:
            return cls.empty()
        return cls(
            **{name: np.concatenate([getattr(each, name) for each in tables]) for name, _ in STEP_COLUMNS}
        )

    def select(self, rows: NDArray[Any]) -> StepTable:
        """Return some of the rows, by a mask of shape (n,) or by their indices."""
        return StepTable(**{name: getattr(self, name)[rows] for name, _ in STEP_COLUMNS})

    def rows(self) -> Iterator[StepRecord]:
        """Yield each row as a record."""
        return (_record(self, index) for index in range(len(self)))

    def overlaps(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        """Return the mask of the steps of which a part lies in an interval."""
        return (self.end_unix_ns > start_unix_ns) & (self.start_unix_ns < end_unix_ns)

    def ended_in(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        """Return the mask of the steps that belong to an interval: those that ended in it."""
        return (self.end_unix_ns > start_unix_ns) & (self.end_unix_ns <= end_unix_ns)


def _column(rows: Sequence[StepRecord], name: str, kind: str) -> NDArray[Any]:
    import numpy as np

    values = (getattr(row, name) for row in rows)
    return np.fromiter((UNKNOWN if each is None else each for each in values), dtype=kind, count=len(rows))


def _record(table: StepTable, index: int) -> StepRecord:
    values = {name: int(getattr(table, name)[index]) for name, _ in STEP_COLUMNS}
    unknown = {name: None for name in OPTIONAL_COLUMNS if values[name] == UNKNOWN}
    return StepRecord(**{**values, **unknown})  # type: ignore[arg-type]
