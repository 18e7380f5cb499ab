"""A raw table read without trust: bounded, every row validated, and nothing in it that was not written by us."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from llenergymeasure.domain.verification import Finding

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 50_000_000
"""Of one table: a day of eight GPUs at 50 Hz has less. A small file can claim far more than fits into memory."""
MAX_UNPACKED_BYTES = 8 * 2**30

T = TypeVar("T")


def read_table(
    path: Path, read: Callable[[Path], T], write: Callable[[T, Path], None], record: type | None = None
) -> tuple[T | None, list[Finding]]:
    """Return what `read` makes of a table, or None and why it cannot be used.

    Written again, the records must give the same table: so a column too many, another type, or columns of one row that
    contradict each other are found. `record` is the dataclass of a row, where rows are read as such.
    """
    try:
        _check_size(path)
        records = read(path)
        if record is not None:
            _validate_rows(records, record)
        with tempfile.TemporaryDirectory(prefix="llem-verify-") as folder:
            again = Path(folder) / path.name
            write(records, again)
            differing = list(_differences(path, again))
    except ValidationError as error:
        return None, [Finding(file=path.name, message=f"cannot be used: {_first_fault(error)}")]
    except Exception as error:  # noqa: BLE001 - a damaged file breaks its reader in many ways
        return None, [Finding(file=path.name, message=f"cannot be read: {error_text(error)}")]
    return (None if differing else records), differing


def error_text(error: Exception) -> str:
    """Return what another library said, in one line of bounded length."""
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


def _differences(path: Path, again: Path) -> Iterator[Finding]:
    import pyarrow.parquet as pq

    stored, rewritten = pq.read_table(path), pq.read_table(again)
    found, expected = stored.schema.names, rewritten.schema.names
    if found != expected:
        message = f"has the columns {', '.join(found)}; expected are {', '.join(expected)}"
        yield Finding(file=path.name, message=message)
        return
    for name in expected:
        kind, wanted = stored.schema.field(name).type, rewritten.schema.field(name).type
        if kind != wanted:
            yield Finding(file=path.name, field=name, message=f"has the type {kind}; expected is {wanted}")
        elif not _plain(stored.column(name)).equals(_plain(rewritten.column(name))):
            message = "does not agree with what the other columns or the channels of the table say"
            yield Finding(file=path.name, field=name, message=message)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']} (stored: {first['input']!r:.60})"
