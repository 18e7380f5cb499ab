"""Options of the TensorRT-LLM backend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llenergymeasure.config.base import NonEmpty, Section

QuantAlgorithm = Literal[
    "FP8", "NVFP4", "W8A16", "W4A16", "W4A16_AWQ", "W4A8_AWQ", "W8A8_SQ_PER_CHANNEL", "INT8"
]


class TensorRTOptions(Section):
    """The `tensorrt:` section, in the names of TensorRT-LLM's LLM API; every option reaches it, or is refused."""

    runtime: Literal["pytorch", "tensorrt"] = "pytorch"
    """`pytorch`: the runtime that reads checkpoints as they are. `tensorrt`: compiled engines, from a folder with a
    prebuilt one as `model`, or built when the model is loaded."""
    tokenizer: NonEmpty | None = None
    """Where the tokenizer is, for an engine folder that has none."""
    tensor_parallel_size: int = Field(1, ge=1, le=1024)
    """GPUs that share each layer."""
    pipeline_parallel_size: int = Field(1, ge=1, le=1024)
    """Groups of GPUs that have layers of their own, one after the other."""
    max_batch_size: int | None = Field(None, ge=1, le=100_000)
    """Requests that are computed together; TensorRT-LLM's own choice where it is not given."""
    max_num_tokens: int | None = Field(None, ge=1, le=10_000_000)
    """Tokens of a step at most, of all requests together."""
    max_seq_len: int | None = Field(None, ge=1, le=10_000_000)
    """Tokens that prompt and answer of a request have room for. Where it is not given: that of the model."""
    enable_chunked_prefill: bool = False
    """Read long prompts in parts, between steps of other requests."""
    quantisation: QuantAlgorithm | None = None
    """Quantise when an engine is built; only with runtime: tensorrt, and not for a prebuilt one."""
    kv_cache_dtype: Literal["auto", "fp8", "nvfp4"] = "auto"
    """Data type of the keys and values that are kept."""
    kv_cache_free_gpu_memory_fraction: float | None = Field(None, gt=0, le=1)
    """Part of the memory left after loading that the KV cache takes."""
    kv_cache_max_tokens: int | None = Field(None, ge=1, le=1_000_000_000)
    """Tokens that the KV cache has room for at most."""

    @model_validator(mode="after")
    def _refuse_impossible_combinations(self) -> TensorRTOptions:
        if self.quantisation is not None and self.runtime != "tensorrt":
            raise ValueError(
                "quantisation is done when an engine is built: set runtime: tensorrt, or name a checkpoint that is "
                "quantised already"
            )
        return self
