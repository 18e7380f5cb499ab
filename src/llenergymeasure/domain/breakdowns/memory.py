"""What took the memory of each device, and what more would fit."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.core.record import Count, Record


class DeviceMemory(Record):
    """One device; what is not known is None, and `unknown` says why."""

    device: str
    """As the framework names it: `cuda:0`, `host`."""
    weights_bytes: int | None = None
    """The model's weights on it, with the scales of packed ones and those of a model that proposes tokens."""
    kv_cache_bytes: Count | None = None
    """Keys and values of the most tokens that were in the cache at one time. Computed from the shape of the model and
    the lengths of the requests, not measured."""
    activations_bytes: Count | None = None
    """`peak_bytes` less weights and KV cache: intermediate results, logits, and buffers of the model."""
    peak_bytes: int | None = None
    """The most within the windows, as the framework says. A GPU: what torch's allocator had given out; not the context
    of the GPU, not what other libraries took, not what the allocator keeps for later. `host`: resident memory of the
    process, Python and libraries included."""
    process_bytes: int | None = None
    """What NVML counts for the run's own processes: with the context of the GPU and what the allocator keeps. Read
    once, after the last window."""
    used_bytes: int | None = None
    """What NVML counts as used on the whole card, by all processes and the driver. Read once, after the last window."""
    total_bytes: int | None = None
    """Memory of the card; null for `host`."""
    available_bytes: int | None = None
    """What was left after the last window: `total_bytes` less `used_bytes`; of `host`, what programs could take without
    swapping and within the memory limit of their container."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a field that is None: why."""


class MemoryUse(Record):
    """Memory by device, the KV cache, and how much longer or larger a batch could be."""

    by_device: tuple[DeviceMemory, ...] = ()
    kv_bytes_per_token: Count | None = None
    """Keys and values that one more token adds to the cache, over all layers: in the data type of the cache, in MLA the
    compressed latent. Layers with a sliding window add nothing beyond it."""
    kv_cache_bytes: Count | None = None
    """Of the most tokens in the cache at one time, over all devices; computed. In a static batch every row is as long
    as the longest, padding included. That of an assistant that proposes tokens is not in it."""
    kv_cache_tokens: int | None = None
    """Tokens in the cache then, padding included."""
    longest_context_tokens: int | None = None
    """Prompt and answer of a single request that would still fit. Assumed: activations grow with the tokens in flight,
    as the cache does; on the host they count nothing. It is never more than the model's context."""
    longest_context_limit: str | None = None
    """`memory`, or `model` where its context ends before the memory does."""
    largest_batch: int | None = None
    """Requests as long as the longest one of the run that would fit together, under the same assumption."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a field that is None: why."""
