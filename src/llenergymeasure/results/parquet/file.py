"""Parquet files of a bundle: each states its schema version, and is read as the present schema has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.results.migrate import migrate_table
from llenergymeasure.results.versions import DRAFT, version_problem

if TYPE_CHECKING:
    import pyarrow as pa

VERSION_KEY = b"llenergymeasure.schema_version"


def save_table(table: pa.Table, path: Path, **options: Any) -> None:
    """Write a table with the schema version in its metadata; `options` are those of `pyarrow.parquet.write_table`."""
    import pyarrow.parquet as pq

    metadata = {**(table.schema.metadata or {}), VERSION_KEY: SCHEMA_VERSION.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path, **{"compression": "zstd", **options})


def load_table(path: Path, name: str) -> pa.Table:
    """Read a table, migrated to the present schema; `name` is the name of such a file in a bundle.

    Columns that a newer version added are kept.

    Raises:
        ExperimentError: it is of another major version.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    version = table_version(table)
    problem = version_problem(version)
    if problem:
        raise ExperimentError(f"{path} {problem}")
    return migrate_table(name, table, version)


def table_version(table: pa.Table) -> str:
    """Return the schema version in which a table was stored."""
    metadata: dict[bytes, bytes] = table.schema.metadata or {}
    return metadata.get(VERSION_KEY, DRAFT.encode()).decode("utf-8", "replace")
