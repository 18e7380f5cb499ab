"""How long a request, or how many of them, would still fit into the memory of a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llenergymeasure.domain.breakdowns.memory import DeviceMemory
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import ModelShape
from llenergymeasure.metrics.performance.kv_cache import KvCache
from llenergymeasure.metrics.performance.work.traffic import kv_cache_bytes

NO_DEVICES = "the backend does not state on which devices the model lies"
MOST_TOKENS = 2**40
"""Nobody has memory for more; a context without a limit ends here."""


@dataclass(frozen=True, kw_only=True)
class MemoryRoom:
    """What would fit on the device of the model."""

    longest_context_tokens: int
    limit: Literal["memory", "model"]
    largest_batch: int


def memory_room(
    info: ModelInfo | None, cache: KvCache | str, devices: Sequence[DeviceMemory]
) -> MemoryRoom | str:
    """Return what would fit; where that is not known, why.

    A card has what was left after the windows, and what KV cache and activations took, which torch's allocator keeps.
    Of a host only what was left counts: what its activations take is not known, and counts nothing.
    """
    if isinstance(cache, str):
        return cache
    if info is None or info.shape is None or not info.devices:
        return NO_DEVICES
    if len(info.devices) > 1:
        return "the model lies on several devices, which fill up one by one"
    device = next(
        each for each in devices if each.device == ("host" if info.devices[0] == "cpu" else info.devices[0])
    )
    if device.available_bytes is None:
        return f"what was left on {device.device} is unknown: {device.unknown['available_bytes']}"
    if device.device == "host":
        return _fits(info, info.shape, cache, float(device.available_bytes), 0.0)
    if device.activations_bytes is None:
        return f"what activations take on {device.device} is unknown"
    room = device.available_bytes + cache.n_bytes + device.activations_bytes
    return _fits(info, info.shape, cache, room, device.activations_bytes / max(cache.tokens, 1))


def _fits(
    info: ModelInfo, shape: ModelShape, cache: KvCache, room_bytes: float, activations_per_token: float
) -> MemoryRoom:
    def need(tokens: int) -> float:
        cached = kv_cache_bytes(shape, np.array([float(tokens)]))
        assert cached is not None
        return float(cached[0]) + activations_per_token * tokens

    most = info.context_length or MOST_TOKENS
    longest = _longest(need, room_bytes, most)
    of_one = need(cache.longest)
    return MemoryRoom(
        longest_context_tokens=longest,
        limit="model" if longest == most else "memory",
        largest_batch=int(room_bytes // of_one) if of_one > 0 else 0,
    )


def _longest(need: Callable[[int], float], room_bytes: float, most: int) -> int:
    """Return the most tokens whose need is met, by halving: need never falls with the tokens."""
    fits, too_long = 0, most + 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if need(middle) <= room_bytes else (fits, middle)
    return fits
