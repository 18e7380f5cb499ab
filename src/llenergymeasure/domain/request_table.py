"""Requests as columns: the raw table of what was served and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.request import RequestRecord, ServerTimes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = -1
"""Stands for an unknown count or time in an integer column; null on disk. Unix times and counts are never negative."""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("request_id", "O"),
    ("repeat", "i4"),
    ("status", "O"),
    ("error_kind", "O"),
    ("prompt_tokens", "i4"),
    ("cached_prompt_tokens", "i4"),
    ("output_tokens", "i4"),
    ("scheduled_unix_ns", "i8"),
    ("sent_unix_ns", "i8"),
    ("first_token_unix_ns", "i8"),
    ("first_answer_unix_ns", "i8"),
    ("last_token_unix_ns", "i8"),
    ("closed_unix_ns", "i8"),
    ("tokens_estimated", "O"),
    ("finish_reason", "O"),
    ("server_queued_s", "f8"),
    ("server_prefill_s", "f8"),
    ("server_decode_s", "f8"),
    ("batch", "i4"),
)
"""Name and numpy type of every column with one value per request."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RequestTable:
    """Requests as immutable columns of shape (n,), in the order in which they ended.

    Unknown integers are `UNKNOWN`, unknown durations NaN, unknown texts None. The chunks of request `i` are entries
    `chunk_offsets[i]` to `chunk_offsets[i + 1]` (not included) of `chunk_unix_ns` and `chunk_tokens`.
    """

    request_id: NDArray[np.object_]
    repeat: NDArray[np.int32]
    status: NDArray[np.object_]
    error_kind: NDArray[np.object_]
    prompt_tokens: NDArray[np.int32]
    cached_prompt_tokens: NDArray[np.int32]
    output_tokens: NDArray[np.int32]
    scheduled_unix_ns: NDArray[np.int64]
    sent_unix_ns: NDArray[np.int64]
    first_token_unix_ns: NDArray[np.int64]
    first_answer_unix_ns: NDArray[np.int64]
    last_token_unix_ns: NDArray[np.int64]
    closed_unix_ns: NDArray[np.int64]
    tokens_estimated: NDArray[np.object_]
    finish_reason: NDArray[np.object_]
    server_queued_s: NDArray[np.float64]
    server_prefill_s: NDArray[np.float64]
    server_decode_s: NDArray[np.float64]
    batch: NDArray[np.int32]
    chunk_offsets: NDArray[np.int64]
    """Shape (n + 1,)."""
    chunk_unix_ns: NDArray[np.int64]
    chunk_tokens: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.request_id)

    @classmethod
    def from_records(cls, records: Iterable[RequestRecord]) -> RequestTable:
        """Return the table with one row per record, in the order given."""
        import numpy as np

        rows = list(records)
        columns = {name: _column(rows, name, kind) for name, kind in COLUMNS}
        lengths = [len(row.chunk_unix_ns) for row in rows]
        return cls(
            **columns,
            chunk_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            chunk_unix_ns=_flat([row.chunk_unix_ns for row in rows], "i8", sum(lengths)),
            chunk_tokens=_flat([row.chunk_tokens for row in rows], "i4", sum(lengths)),
        )

    @classmethod
    def empty(cls) -> RequestTable:
        """Return a table without rows."""
        return cls.from_records(())

    @classmethod
    def concatenate(cls, tables: Sequence[RequestTable]) -> RequestTable:
        """Return the rows of several tables, one below the other."""
        import numpy as np

        if len(tables) == 1:
            return tables[0]
        if not tables:
            return cls.empty()
        names = [name for name, _ in COLUMNS] + ["chunk_unix_ns", "chunk_tokens"]
        lengths = np.concatenate([np.diff(table.chunk_offsets) for table in tables])
        return cls(
            **{name: np.concatenate([getattr(table, name) for table in tables]) for name in names},
            chunk_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        )

    def select(self, rows: NDArray[Any]) -> RequestTable:
        """Return some of the rows, by a mask of shape (n,) or by their indices."""
        import numpy as np

        lengths = np.diff(self.chunk_offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        starts = self.chunk_offsets[:-1][rows]
        chunks = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return RequestTable(
            **{name: getattr(self, name)[rows] for name, _ in COLUMNS},
            chunk_offsets=offsets,
            chunk_unix_ns=self.chunk_unix_ns[chunks],
            chunk_tokens=self.chunk_tokens[chunks],
        )

    def rows(self) -> Iterator[RequestRecord]:
        """Yield each row as a record."""
        return (_record(self, index) for index in range(len(self)))

    def is_ok(self) -> NDArray[np.bool_]:
        """Return the mask of the requests that were answered."""
        import numpy as np

        return np.asarray(self.status == "ok", dtype=bool)

    def service_start_unix_ns(self) -> NDArray[np.int64]:
        """Return when each request was handed to the backend, shape (n,); when it was due, where that is not known."""
        import numpy as np

        return np.where(self.sent_unix_ns != UNKNOWN, self.sent_unix_ns, self.scheduled_unix_ns)

    def ended_in(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        """Return the mask of the requests that belong to an interval: those that ended in it."""
        return (self.closed_unix_ns > start_unix_ns) & (self.closed_unix_ns <= end_unix_ns)

    def lies_within(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        """Return the mask of the requests that were scheduled and ended in an interval."""
        return self.ended_in(start_unix_ns, end_unix_ns) & (self.scheduled_unix_ns >= start_unix_ns)

    def is_cut_by(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        """Return the mask of the requests that were under way at an edge of an interval."""
        touches = (self.closed_unix_ns > start_unix_ns) & (self.scheduled_unix_ns < end_unix_ns)
        return touches & ~self.lies_within(start_unix_ns, end_unix_ns)

    def output_tokens_in(self, start_unix_ns: int, end_unix_ns: int) -> int:
        """Return how many output tokens an interval produced: those with a time in `(start, end]`.

        A token's time is when it was on the host, so the work of a token at the very start was done before. Where a
        request has no times of chunks, its tokens are spread evenly from its first token to its last one; where those
        are not known either, from when it was sent to when it was closed.
        """
        inside = (self.chunk_unix_ns > start_unix_ns) & (self.chunk_unix_ns <= end_unix_ns)
        spread = self._spread_unix_ns
        alone = (spread > start_unix_ns) & (spread <= end_unix_ns)
        return int(self.chunk_tokens[inside].sum() + alone.sum())

    def prompt_tokens_in(self, start_unix_ns: int, end_unix_ns: int) -> int:
        """Return how many prompt tokens were processed in `(start, end]`: those of prompts whose first token came then.

        Where that time is not known, the request's end stands for it. A prompt that failed without a first token counts
        nowhere.
        """
        return int(self.prompt_tokens[self._was_read_in(start_unix_ns, end_unix_ns)].sum())

    def cached_prompt_tokens_in(self, start_unix_ns: int, end_unix_ns: int) -> int | None:
        """Return how many prompt tokens of `(start, end]` came from a cache; None where a prompt does not say."""
        cached = self.cached_prompt_tokens[self._was_read_in(start_unix_ns, end_unix_ns)]
        return None if (cached == UNKNOWN).any() else int(cached.sum())

    def _was_read_in(self, start_unix_ns: int, end_unix_ns: int) -> NDArray[np.bool_]:
        import numpy as np

        has_first = self.first_token_unix_ns != UNKNOWN
        times = np.where(has_first, self.first_token_unix_ns, self.closed_unix_ns)
        inside = (times > start_unix_ns) & (times <= end_unix_ns) & (has_first | self.is_ok())
        return np.asarray(inside, dtype=bool)

    def timed_tokens(self) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int32]]:
        """Return request (its row), time and number of the output tokens that came together, shape (k,), by request.

        Tokens of a request without times of chunks are spread as `output_tokens_in` says.
        """
        import numpy as np

        counted = self.chunk_tokens > 0
        request = np.repeat(np.arange(len(self)), np.diff(self.chunk_offsets))[counted]
        alone = self._without_chunks
        spread = np.repeat(alone, self.output_tokens[alone])
        request = np.concatenate([request, spread])
        order = np.argsort(request, kind="stable") if len(spread) else slice(None)
        times = np.concatenate([self.chunk_unix_ns[counted], self._spread_unix_ns])
        tokens = np.concatenate([self.chunk_tokens[counted], np.ones(len(spread), dtype=np.int32)])
        return request[order], times[order], tokens[order]

    @cached_property
    def _without_chunks(self) -> NDArray[np.intp]:
        """Rows of the requests that have tokens and no times of chunks."""
        import numpy as np

        return np.flatnonzero((np.diff(self.chunk_offsets) == 0) & (self.output_tokens > 0))

    @cached_property
    def _spread_unix_ns(self) -> NDArray[np.int64]:
        """Times of the tokens of requests without times of chunks."""
        return _evenly_spread(self, self._without_chunks)


def _column(rows: Sequence[RequestRecord], name: str, kind: str) -> NDArray[Any]:
    import numpy as np

    value = _getter(name)
    column = np.empty(len(rows), dtype=kind)
    if kind == "O":
        column[:] = [value(row) for row in rows]
    else:
        unknown: float = np.nan if kind == "f8" else UNKNOWN
        column[:] = [unknown if (each := value(row)) is None else each for row in rows]
    return column


def _getter(name: str) -> Callable[[RequestRecord], Any]:
    if name.startswith("server_"):
        part = name.removeprefix("server_")
        return lambda row: None if row.server is None else getattr(row.server, part)
    return lambda row: getattr(row, name)


def _flat(parts: Sequence[Sequence[int]], kind: str, count: int) -> NDArray[Any]:
    import numpy as np

    return np.fromiter(chain.from_iterable(parts), dtype=kind, count=count)


def _record(table: RequestTable, index: int) -> RequestRecord:
    values: dict[str, Any] = {}
    server: dict[str, float] = {}
    for name, kind in COLUMNS:
        value = getattr(table, name)[index]
        if name.startswith("server_"):
            if value == value:
                server[name.removeprefix("server_")] = float(value)
        elif kind == "O":
            values[name] = value
        else:
            values[name] = None if value == UNKNOWN and name != "repeat" else int(value)
    chunks = slice(table.chunk_offsets[index], table.chunk_offsets[index + 1])
    return RequestRecord(
        **values,
        server=ServerTimes(**server) if server else None,
        chunk_unix_ns=tuple(table.chunk_unix_ns[chunks].tolist()),
        chunk_tokens=tuple(table.chunk_tokens[chunks].tolist()),
    )


def _evenly_spread(table: RequestTable, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    import numpy as np

    first, last = table.first_token_unix_ns[rows], table.last_token_unix_ns[rows]
    counts = table.output_tokens[rows].astype(np.int64)
    has_first = first != UNKNOWN
    start = np.where(has_first, first, table.service_start_unix_ns()[rows])
    end = np.where(last != UNKNOWN, last, table.closed_unix_ns[rows])
    # A known first token stands at the start; else the start is before the first of as many steps as tokens.
    steps = np.where(has_first, np.maximum(counts - 1, 1), counts)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    step = number + np.repeat(np.where(has_first, 0, 1), counts)
    offset = np.repeat((end - start) / steps, counts) * step
    times: NDArray[np.int64] = np.repeat(start, counts) + np.rint(offset).astype(np.int64)
    return times
