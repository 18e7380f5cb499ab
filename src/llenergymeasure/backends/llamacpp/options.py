"""Options of the llama.cpp backend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llenergymeasure.config.base import Section

KVType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
_FLOATS = ("f32", "f16", "bf16")


class LlamaCppOptions(Section):
    """The `llamacpp:` section, in llama.cpp's own names; every option reaches the engine, or is refused."""

    n_parallel: int = Field(1, ge=1, le=256)
    """Slots: requests that are computed together, joining and leaving at every step. Others wait."""
    n_ctx_per_slot: int | None = Field(None, ge=1, le=10_000_000)
    """Tokens that prompt and answer of a request have room for. Where it is not given: workload.max_input_tokens and
    workload.max_output_tokens together."""
    n_gpu_layers: int | None = Field(None, ge=0, le=10_000)
    """Layers on the GPU, the output layer counted as one; only with device: cuda, where it is all by default."""
    n_threads: int | None = Field(None, ge=1, le=10_000)
    """Processor threads for answers. Where it is not given: the cores, or whole cores of a processor quota, that the
    process may use."""
    n_threads_batch: int | None = Field(None, ge=1, le=10_000)
    """Processor threads for prompts; `n_threads` where it is not given."""
    n_batch: int = Field(2048, ge=32, le=1_000_000)
    """Tokens of a step at most, of all slots together."""
    n_ubatch: int = Field(512, ge=32, le=1_000_000)
    """Tokens of a step that are computed at once: the physical batch."""
    cache_type_k: KVType = "f16"
    """Type of the keys in the KV cache."""
    cache_type_v: KVType = "f16"
    """Type of the values in the KV cache; a quantised one needs flash attention."""
    flash_attn: Literal["auto", "on", "off"] = "auto"
    """Flash attention; `auto` takes it where the device has it."""

    @model_validator(mode="after")
    def _refuse_impossible_combinations(self) -> LlamaCppOptions:
        if self.n_ubatch > self.n_batch:
            raise ValueError(
                f"n_ubatch {self.n_ubatch} is a part of n_batch {self.n_batch}: raise n_batch, or lower n_ubatch"
            )
        if self.flash_attn == "off" and self.cache_type_v not in _FLOATS:
            raise ValueError(
                f"cache_type_v: {self.cache_type_v} needs flash attention: set flash_attn: on, or cache_type_v: f16"
            )
        return self
