"""Columns of a table of arrays as those of a Parquet file, and back: what is unknown in an array is null on disk."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.request_table import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def to_arrow(values: NDArray[Any], *, is_required: bool) -> pa.Array:
    """Return a column; `UNKNOWN` among integers, NaN among numbers and None among texts become null.

    Of a required column nothing is unknown.
    """
    import numpy as np
    import pyarrow as pa

    if values.dtype.kind == "O":
        return pa.array(values, pa.string())
    if is_required:
        return pa.array(values)
    return pa.array(values, mask=np.isnan(values) if values.dtype.kind == "f" else values == UNKNOWN)


def from_arrow(
    column: pa.ChunkedArray, name: str, kind: str, *, is_required: bool, words: Collection[str | None] = ()
) -> NDArray[Any]:
    """Return an array of the numpy type `kind` of a column; of texts, `words` are those that have a meaning, or any.

    Raises:
        ValueError: a null where none may be, or a word that has no meaning.
    """
    import numpy as np

    if column.null_count and is_required:
        raise ValueError(f"{name}: is null in {column.null_count} rows")
    if kind == "O":
        texts = np.array(column.to_pylist(), dtype=object)
        strange = set(texts.tolist()) - set(words) if words else set()
        if strange:
            raise ValueError(f"{name}: {sorted(strange, key=str)[0]!r} has no meaning here")
        return texts
    unknown = np.nan if "f" in kind else UNKNOWN
    values: NDArray[Any] = column.fill_null(unknown).to_numpy().astype(kind)
    return values
