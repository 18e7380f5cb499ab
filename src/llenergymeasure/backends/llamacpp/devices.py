"""The devices that the installed build of llama.cpp can use, and what it was built for."""

from __future__ import annotations

import re
from typing import Any

_GPU_TYPES = ("GPU", "IGPU")


def gpu_names() -> list[str]:
    """Return the names of the GPUs that the installed build sees, such as `CUDA0`; empty for a build for CPUs."""
    return [str(device["name"]) for device in _devices() if _is_gpu(device)]


def gpu_addresses() -> list[str]:
    """Return the PCI addresses of these GPUs, in their order; an empty text where one is not told."""
    return [str(device.get("device_id") or "") for device in _devices() if _is_gpu(device)]


def built_with(feature: str) -> bool:
    """Whether the build uses a set of processor instructions, by llama.cpp's name for it, such as `AVX512`."""
    import xllamacpp

    return re.search(rf"\b{feature} = 1\b", _text(xllamacpp.get_system_info())) is not None


def _devices() -> list[dict[str, Any]]:
    import xllamacpp

    return [{key: _text(value) for key, value in each.items()} for each in xllamacpp.get_device_info()]


def _is_gpu(device: dict[str, Any]) -> bool:
    return any(str(device.get("type")).rpartition("_")[2] == kind for kind in _GPU_TYPES)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
