"""The trace and the phases as Parquet, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.sample import FIELDS, UNKNOWN_REASONS
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.results import layout
from llenergymeasure.results.parquet.file import load_table, save_table

if TYPE_CHECKING:
    import pyarrow as pa

CHANNELS_KEY = b"llenergymeasure.channels"
INTERRUPTED_KEY = b"llenergymeasure.interrupted"
_NAMED = ("meter", "domain", "device")


def write_trace(trace: EnergyTrace, path: Path) -> None:
    """Write one row per sample; unknown values are null, channels go into the file's metadata."""
    import pyarrow as pa

    columns: dict[str, pa.Array] = {"t_unix_ns": pa.array(trace.samples["t_unix_ns"])}
    channel = trace.samples["channel"].astype("int32")
    for name in _NAMED:
        words = pa.array([getattr(each, name) for each in trace.channels], type=pa.string())
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(channel), words)
    columns["channel"] = pa.array(trace.samples["channel"])
    for name, kind in FIELDS:
        if name not in columns:
            columns[name] = _nullable(trace.samples[name], name, kind)
    table = pa.table(columns).replace_schema_metadata(_metadata(trace))
    save_table(table, path)


def read_trace(path: Path) -> EnergyTrace:
    """Read what `write_trace` wrote."""
    import numpy as np

    table = load_table(path, layout.TRACE)
    metadata = table.schema.metadata or {}
    samples = np.empty(table.num_rows, dtype=sample_dtype())
    for name, kind in FIELDS:
        column = table.column(name)
        filler = np.nan if "f" in kind else UNKNOWN_REASONS
        samples[name] = column.fill_null(filler).to_numpy() if column.null_count else column.to_numpy()
    return EnergyTrace(
        channels=tuple(_channel(each) for each in json.loads(metadata[CHANNELS_KEY])),
        samples=samples,
        interrupted=json.loads(metadata[INTERRUPTED_KEY]),
    )


def write_phases(phases: Sequence[Phase], path: Path) -> None:
    """Write one row per phase."""
    import pyarrow as pa

    save_table(pa.Table.from_pylist([asdict(phase) for phase in phases], schema=_phase_schema()), path)


def read_phases(path: Path) -> tuple[Phase, ...]:
    """Read what `write_phases` wrote."""
    rows = load_table(path, layout.PHASES).select(_phase_schema().names).to_pylist()
    return tuple(Phase(**{**row, "peak_memory_bytes": tuple(row["peak_memory_bytes"])}) for row in rows)


def _nullable(values: Any, name: str, kind: str) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if "f" in kind:
        return pa.array(values, mask=np.isnan(values))
    if name == "throttle_reasons":
        return pa.array(values, mask=values == UNKNOWN_REASONS)
    return pa.array(values)


def _metadata(trace: EnergyTrace) -> dict[bytes, bytes]:
    channels = [channel.model_dump(mode="json") for channel in trace.channels]
    return {
        CHANNELS_KEY: json.dumps(channels).encode(),
        INTERRUPTED_KEY: json.dumps(trace.interrupted).encode(),
    }


def _channel(stored: dict[str, Any]) -> Channel:
    """A newer version may have given channels more fields."""
    return Channel(**{name: value for name, value in stored.items() if name in Channel.model_fields})


def _phase_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("name", pa.string()),
            ("start_unix_ns", pa.int64()),
            ("end_unix_ns", pa.int64()),
            ("repeat", pa.int32()),
            ("complete", pa.bool_()),
            ("peak_memory_bytes", pa.map_(pa.string(), pa.int64())),
            ("rung", pa.int32()),
        ]
    )
