"""The configuration classes of the LLM API, with the fields that exist there."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(kw_only=True)
class KvCacheConfig:
    """How the KV cache is made; blocks are reused by default."""

    enable_block_reuse: bool = True
    dtype: str = "auto"
    free_gpu_memory_fraction: float | None = None
    max_tokens: int | None = None


class QuantAlgo(str, enum.Enum):
    """Some of the algorithms."""

    FP8 = "FP8"
    W4A16_AWQ = "W4A16_AWQ"


@dataclass(kw_only=True)
class QuantConfig:
    """How weights are quantised."""

    quant_algo: QuantAlgo | None = None
