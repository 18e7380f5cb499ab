"""Memory by device as framework and driver say, what the KV cache took, and what more would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.breakdowns.memory import DeviceMemory, MemoryUse
from llenergymeasure.domain.interference import OtherGpuLoad, OtherLoad
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase, complete_windows
from llenergymeasure.metrics.performance.kv_cache import KvCache, largest_kv_cache
from llenergymeasure.metrics.performance.memory_room import NO_DEVICES, memory_room
from llenergymeasure.metrics.performance.peak_memory import peak_memory
from llenergymeasure.metrics.performance.work.traffic import kv_bytes_per_token

HOST = ("host", "host_since_start")
NO_PEAK = "the backend reports no peak of this device"
NO_NVML = "NVML does not tell, or was not there to ask"
SEVERAL = "the model lies on several devices, and which layers lie where is not recorded"
HOST_PARTS = "the peak of the host is that of the whole process, Python and libraries included"
NOT_A_CARD = "the host's memory is no card's"


def memory_use(
    info: ModelInfo | None, requests: RequestTable, phases: Sequence[Phase], after: OtherLoad | None
) -> MemoryUse:
    """Return where the memory went in the complete windows; `after` is what the machine said after the last one."""
    peaks = peak_memory(phases)
    cache = largest_kv_cache(info, requests.select(_in_windows(requests, phases)))
    devices = tuple(_device(name, info, cache, peaks, after) for name in _names(info, peaks))
    per_token = None if info is None else kv_bytes_per_token(info)
    known: dict[str, Any] = {"kv_bytes_per_token": per_token}
    unknown: dict[str, str] = {}
    if isinstance(cache, str):
        unknown |= dict.fromkeys(("kv_cache_bytes", "kv_cache_tokens"), cache)
    else:
        known |= {"kv_cache_bytes": cache.n_bytes, "kv_cache_tokens": cache.tokens}
    if per_token is None:
        unknown["kv_bytes_per_token"] = (
            cache if isinstance(cache, str) else "the shape of the model is unknown"
        )
    room = memory_room(info, cache, devices)
    if isinstance(room, str):
        unknown |= dict.fromkeys(("longest_context_tokens", "longest_context_limit", "largest_batch"), room)
    else:
        known |= {
            "longest_context_tokens": room.longest_context_tokens,
            "longest_context_limit": room.limit,
            "largest_batch": room.largest_batch,
        }
    return MemoryUse(by_device=devices, **known, unknown=unknown)


def _in_windows(requests: RequestTable, phases: Sequence[Phase]) -> NDArray[np.bool_]:
    """Return the mask of the requests that were under way in a complete window."""
    mask, start = np.zeros(len(requests), dtype=bool), requests.service_start_unix_ns()
    for window in complete_windows(phases):
        mask |= (start < window.end_unix_ns) & (requests.closed_unix_ns > window.start_unix_ns)
    return mask


def _names(info: ModelInfo | None, peaks: Mapping[str, int]) -> list[str]:
    """Return the devices to state, those of the model first."""
    placed = (
        [] if info is None else ["host" if each == "cpu" else each for each in info.devices if each != "disk"]
    )
    return list(dict.fromkeys([*placed, *("host" if name in HOST else name for name in peaks)]))


def _device(
    name: str,
    info: ModelInfo | None,
    cache: KvCache | str,
    peaks: Mapping[str, int],
    after: OtherLoad | None,
) -> DeviceMemory:
    is_host = name == "host"
    peak = next((peaks[each] for each in (name, *(HOST if is_host else ())) if each in peaks), None)
    weights, unknown = _weights(name, info), {}
    if weights is None:
        unknown["weights_bytes"] = "the backend does not tell which weights lie where"
    cached = _cache_of(name, info, cache)
    if isinstance(cached, str):
        unknown["kv_cache_bytes"] = cached
    if peak is None:
        unknown["peak_bytes"] = NO_PEAK
    parts = (peak, weights, None if isinstance(cached, str) else cached)
    rest = None if is_host else _less(*parts)
    if rest is None:
        unknown["activations_bytes"] = HOST_PARTS if is_host else _why_no_rest(*parts)
    driver = _host_memory(after) if is_host else _card_memory(_card(name, info, after))
    reasons = {"available_bytes": "the system does not tell"} if is_host else {}
    no_reading = NOT_A_CARD if is_host else NO_NVML
    unknown |= {field: reasons.get(field, no_reading) for field, value in driver.items() if value is None}
    return DeviceMemory(
        device=name,
        weights_bytes=weights,
        kv_cache_bytes=parts[2],
        activations_bytes=rest,
        peak_bytes=peak,
        **driver,
        unknown=unknown,
    )


def _weights(name: str, info: ModelInfo | None) -> int | None:
    if info is None:
        return None
    device = "cpu" if name == "host" else name
    assistant = info.assistant_weight_bytes or 0 if info.devices == (device,) else 0
    if info.weight_bytes_by_device:
        return info.weight_bytes_by_device.get(device, 0) + assistant
    return info.weight_bytes + assistant if info.weight_bytes and info.devices == (device,) else None


def _cache_of(name: str, info: ModelInfo | None, cache: KvCache | str) -> int | str:
    """Return what of the KV cache lies on a device: all of it where the model has only one."""
    if isinstance(cache, str):
        return cache
    devices = () if info is None else info.devices
    if len(devices) != 1:
        return SEVERAL if devices else NO_DEVICES
    return cache.n_bytes if devices[0] == ("cpu" if name == "host" else name) else 0


def _less(peak: int | None, weights: int | None, cached: int | None) -> int | None:
    if peak is None or weights is None or cached is None:
        return None
    rest = peak - weights - cached
    return rest if rest >= 0 else None


def _why_no_rest(peak: int | None, weights: int | None, cached: int | None) -> str:
    parts = {"peak": peak, "weights": weights, "KV cache": cached}
    missing = [name for name, size in parts.items() if size is None]
    if missing:
        return f"not known of this device: {', '.join(missing)}"
    return "the peak is below weights and KV cache together: the framework did not count all of them"


def _card(name: str, info: ModelInfo | None, after: OtherLoad | None) -> OtherGpuLoad | None:
    uuid = None if info is None else info.gpu_uuids.get(name)
    return None if after is None else next((gpu for gpu in after.gpus if gpu.device == uuid), None)


def _card_memory(card: OtherGpuLoad | None) -> dict[str, int | None]:
    used, total = (None, None) if card is None else (card.memory_used_bytes, card.memory_total_bytes)
    return {
        "process_bytes": None if card is None else card.own_memory_bytes,
        "used_bytes": used,
        "total_bytes": total,
        "available_bytes": None if used is None or total is None else max(total - used, 0),
    }


def _host_memory(after: OtherLoad | None) -> dict[str, int | None]:
    available = None if after is None else after.host_memory_available_bytes
    return {"process_bytes": None, "used_bytes": None, "total_bytes": None, "available_bytes": available}
