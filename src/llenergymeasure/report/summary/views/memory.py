"""The memory of a result: what took it on each device, and what more would fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llenergymeasure.domain.breakdowns.memory import DeviceMemory, MemoryUse
from llenergymeasure.report.summary.document import Block, Row, Rows
from llenergymeasure.report.summary.figure_rows import once_each
from llenergymeasure.report.summary.format import bytes_text

PARTS = {
    "weights_bytes": "Weights",
    "kv_cache_bytes": "KV cache (computed)",
    "activations_bytes": "Activations and buffers",
    "peak_bytes": "Peak, by the framework",
    "process_bytes": "The run's processes, by NVML",
    "used_bytes": "Used on the card, by NVML",
    "total_bytes": "Memory of the card",
    "available_bytes": "Still available",
}
OF_A_CARD = ("process_bytes", "used_bytes", "total_bytes")
"""Fields that the host has not."""
FITS = {"longest_context_tokens": "Longest context", "largest_batch": "Largest batch"}


def memory_blocks(memory: MemoryUse) -> Iterator[Block]:
    """Yield the memory of each device by what took it, then the KV cache and what would still fit."""
    for device in memory.by_device:
        yield Rows(heading=f"Memory, {device.device}", rows=tuple(once_each(_device(device))))
    rows = (
        _bytes("KV cache of one token", memory.kv_bytes_per_token, memory.unknown, "kv_bytes_per_token"),
        *(_fits(memory, name, label) for name, label in FITS.items()),
    )
    yield Rows(heading="What would still fit", rows=tuple(once_each(rows)))


def _device(device: DeviceMemory) -> Iterator[Row]:
    for name, label in PARTS.items():
        if not (device.device.startswith("host") and name in OF_A_CARD):
            yield _bytes(label, getattr(device, name), device.unknown, name)


def _bytes(label: str, size: float | None, unknown: Mapping[str, str], name: str) -> Row:
    return _unknown(label, unknown, name) if size is None else Row(label=label, value=bytes_text(size))


def _fits(memory: MemoryUse, name: str, label: str) -> Row:
    value: int | None = getattr(memory, name)
    if value is None:
        return _unknown(label, memory.unknown, name)
    if name == "largest_batch":
        return Row(label=label, value=f"{value:,} requests as long as the longest of the run")
    limit = " (the model's own context)" if memory.longest_context_limit == "model" else ""
    return Row(label=label, value=f"{value:,} tokens{limit}")


def _unknown(label: str, unknown: Mapping[str, str], name: str) -> Row:
    return Row(label=label, value=f"unknown: {unknown.get(name, 'no reason was given')}", tone="unknown")
