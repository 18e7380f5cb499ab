"""A raw table read without trust: bounded, every row validated, and nothing in it that was not written by us."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.results.parquet.file import load_table

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 50_000_000
"""Of one table: a day of eight GPUs at 50 Hz has less. A small file can claim far more than fits into memory."""
MAX_UNPACKED_BYTES = 8 * 2**30

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TableFormat(Generic[T]):
    """How a table is read and written; `row` is the dataclass of a row, where rows are read as such."""

    read: Callable[[Path], T]
    write: Callable[[T, Path], None]
    row: type | None = None


@dataclass(frozen=True, kw_only=True)
class TableCheck(Generic[T]):
    """The records of a table; None, with the reasons, where they cannot be used."""

    records: T | None
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    """Columns that this version does not know."""


def read_table(path: Path, rows: TableFormat[T]) -> TableCheck[T]:
    """Read a table and check that it is one that this program would have written.

    Written again, the records must give the same table: so another type, or columns of one row that contradict each
    other, are detected.
    """
    try:
        _check_size(path)
        records = rows.read(path)
        if rows.row is not None:
            _validate_rows(records, rows.row)
        with tempfile.TemporaryDirectory(prefix="llem-verify-") as folder:
            again = Path(folder) / path.name
            rows.write(records, again)
            stored, rewritten = load_table(path, path.name), load_table(again, path.name)
        differing = tuple(_differences(path.name, stored, rewritten))
    except ValidationError as error:
        return _unusable(path, f"cannot be used: {_first_fault(error)}")
    except Exception as error:  # noqa: BLE001 - a damaged file breaks its reader in many ways
        return _unusable(
            path, f"cannot be read: it is damaged, or llem did not write it ({error_text(error)})"
        )
    unknown = tuple(name for name in stored.schema.names if name not in rewritten.schema.names)
    return TableCheck(records=None if differing else records, findings=differing, unknown=unknown)


def _unusable(path: Path, message: str) -> TableCheck[Any]:
    return TableCheck(records=None, findings=(Finding(file=path.name, message=message),))


def error_text(error: Exception) -> str:
    """Return the message of an exception of another library, in one line of bounded length."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _check_size(path: Path) -> None:
    """Refuse what would not fit into memory, by what the file says of itself.

    Facts of single columns are not asked for: pyarrow ends the process where those are damaged.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    if not 0 <= metadata.num_rows <= MAX_ROWS:
        raise ValueError(f"it claims {metadata.num_rows:,} rows, over {MAX_ROWS:,}")
    sizes = [metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)]
    if sum(sizes) > MAX_UNPACKED_BYTES:
        raise ValueError(f"it unpacks to {sum(sizes):,} bytes, over {MAX_UNPACKED_BYTES:,}")


def _validate_rows(records: Any, record: type) -> None:
    """Look for nulls where none may be, and for words that are not among those allowed."""
    row: TypeAdapter[Any] = TypeAdapter(record)
    for each in records:
        row.validate_python(vars(each))


def _differences(file: str, stored: pa.Table, rewritten: pa.Table) -> Iterator[Finding]:
    expected = rewritten.schema.names
    missing = [name for name in expected if name not in stored.schema.names]
    if missing or len(set(stored.schema.names)) < len(stored.schema.names):
        message = f"has the columns {', '.join(stored.schema.names)}; expected are {', '.join(expected)}"
        yield Finding(file=file, message=message)
        return
    for name in expected:
        kind, wanted = stored.schema.field(name).type, rewritten.schema.field(name).type
        if kind != wanted:
            yield Finding(file=file, field=name, message=f"has the type {kind}; expected is {wanted}")
        elif not _plain(stored.column(name)).equals(_plain(rewritten.column(name))):
            message = "does not agree with what the other columns or the channels of the table say"
            yield Finding(file=file, field=name, message=message)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']} (stored: {first['input']!r:.60})"
