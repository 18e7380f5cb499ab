"""From the drafts of schema 2.0.0 to 2.0.0: the fields that were renamed, and the file of facts that they lack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.results import layout

if TYPE_CHECKING:
    import pyarrow as pa

_CHANNELS = b"llenergymeasure.channels"
_MOVED = (
    "idle_power_w",
    "context_power_w",
    "loaded_power_w",
    "net_energy_j",
    "marginal_energy_j",
    "load_energy_j",
)
"""Figures that were part of `energy`."""

_ACTIVITIES = ("sm_activity_pct", "tensor_activity_pct", "dram_activity_pct")
_SERVER_TIMES = ("server_queued_s", "server_prefill_s", "server_decode_s")


def draft_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of run.json, which drafts had in their result.json."""
    snapshot = result["environment_snapshot"]
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment_id": result["experiment_id"],
        "tool_version": (snapshot or {}).get("tool_version", "2.0.0"),
        "snapshot": snapshot,
        "warmup_ended": (result["warmup"] or {}).get("ended_because"),
        "interference": result["isolation"],
        **{name: result[name] for name in ("model_info", "baseline", "stopped_because")},
    }


def _result(document: dict[str, Any]) -> dict[str, Any]:
    energy = dict(document["energy"])
    energy["by_device"] = [_renamed(each, {"counted": "included_in_total"}) for each in energy["by_device"]]
    moved = {name: energy.pop(name) for name in _MOVED}
    changed = {"energy": energy, "config": _config(document["config"]), "warmup": None}  # it counted batches
    return {**moved, **_renamed(document, {"isolation": "interference"}), **changed}


def _config(settings: dict[str, Any]) -> dict[str, Any]:
    """The least warm-up was given in batches, and the options of every plugin were under one key."""
    warmup = dict(settings["measurement"]["warmup"])
    batch_size = (settings.get("pytorch") or {}).get("batch_size", 1)
    warmup["min_requests"] = warmup.pop("min_batches") * batch_size
    changed = {**settings, "measurement": {**settings["measurement"], "warmup": warmup}}
    options = changed.pop("options")
    return {**changed, settings["backend"]: options} if options else changed


def _trace(table: pa.Table) -> pa.Table:
    """No activity of GPUs was read."""
    import pyarrow as pa

    metadata = dict(table.schema.metadata or {})
    channels = json.loads(metadata[_CHANNELS])
    metadata[_CHANNELS] = json.dumps(
        [_renamed(each, {"counted": "included_in_total"}) for each in channels]
    ).encode()
    for name in _ACTIVITIES:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.float32()))
    return table.replace_schema_metadata(metadata)


def _requests(table: pa.Table) -> pa.Table:
    """One chunk per token; every request ended well, and no server reported its times, nor reasoning."""
    import pyarrow as pa

    rows = table.num_rows
    times = table.column("token_unix_ns").to_pylist()
    columns = {name: table.column(name) for name in table.column_names}
    nothing = {name: pa.nulls(rows, pa.float64()) for name in _SERVER_TIMES}
    return pa.table(
        {
            "request_id": columns["request_id"],
            "repeat": columns["repeat"],
            "status": pa.array(["ok"] * rows, pa.string()),
            "error_kind": pa.nulls(rows, pa.string()),
            "prompt_tokens": columns["prompt_tokens"],
            "cached_prompt_tokens": pa.nulls(rows, pa.int32()),
            "output_tokens": columns["output_tokens"],
            "scheduled_unix_ns": columns["scheduled_unix_ns"],
            "sent_unix_ns": columns["sent_unix_ns"],
            "first_token_unix_ns": columns["first_token_unix_ns"],
            "first_answer_unix_ns": pa.nulls(rows, pa.int64()),
            "last_token_unix_ns": pa.array([each[-1] if each else None for each in times], pa.int64()),
            "closed_unix_ns": columns["end_unix_ns"],
            "tokens_estimated": pa.nulls(rows, pa.string()),
            "finish_reason": columns["finish_reason"],
            **nothing,
            "batch": columns["batch"],
            "chunk_unix_ns": columns["token_unix_ns"],
            "chunk_tokens": pa.array([[1] * len(each) for each in times], pa.list_(pa.int32())),
        }
    )


def _phases(table: pa.Table) -> pa.Table:
    """Peak memory was one fact of the whole run, which had one load."""
    import pyarrow as pa

    kind = pa.map_(pa.string(), pa.int64())
    table = table.append_column("peak_memory_bytes", pa.array([[]] * table.num_rows, kind))
    return table.append_column("rung", pa.nulls(table.num_rows, pa.int32()))


def _renamed(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in document.items()}


DRAFT_DOCUMENTS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    layout.RESULT: _result,
    layout.CONFIG: _config,
}
DRAFT_TABLES: Mapping[str, Callable[[pa.Table], pa.Table]] = {
    layout.TRACE: _trace,
    layout.REQUESTS: _requests,
    layout.PHASES: _phases,
}
