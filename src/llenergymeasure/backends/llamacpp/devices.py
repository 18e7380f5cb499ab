"""The GPUs that the installed build of llama.cpp can use."""

from __future__ import annotations

from typing import Any

_GPU_TYPES = ("GPU", "IGPU")


def gpu_names() -> list[str]:
    """Return the names of the GPUs that the installed build sees, such as `CUDA0`; empty for a build for CPUs."""
    import xllamacpp

    devices: list[dict[str, Any]] = xllamacpp.get_device_info()
    return [_text(device["name"]) for device in devices if _is_gpu(device)]


def _is_gpu(device: dict[str, Any]) -> bool:
    return str(getattr(device.get("type"), "name", "")).rpartition("_")[2] in _GPU_TYPES


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
